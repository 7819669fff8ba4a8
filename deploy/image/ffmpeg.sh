#!/bin/sh
# In the build stage: FFmpeg as Debian patches it, with every demuxer, parser and decoder of sound that is its own,
# and no pictures, encoders, devices, programs or network: 9 MB where Debian's packages bring 150.  ffmpeg.sh ARCH
set -eu
arch=$1
triplet=$(cat /src/deploy/image/"$arch".triplet)
cd /usr/src
apt-get -q source ffmpeg
cd ffmpeg-*/
sound=$(sed -n '/^\/\* audio codecs \*\//,/^\/\* subtitles \*\//p' libavcodec/allcodecs.c |
    sed -n 's/^extern const FFCodec ff_\([a-z0-9_]*\)_decoder;.*/\1/p' | paste -sd,)
cross=
[ "$arch" = "$(dpkg --print-architecture)" ] || cross="--enable-cross-compile --cross-prefix=$triplet- --target-os=linux"
# shellcheck disable=SC2086 # words
./configure --prefix=/usr --libdir="/usr/lib/$triplet" --arch="${triplet%%-*}" $cross --disable-everything \
    --disable-programs --disable-doc --disable-network --disable-autodetect --disable-x86asm --disable-static --enable-shared \
    --enable-zlib --disable-avdevice --disable-avfilter --disable-swscale --disable-postproc --disable-debug --enable-small \
    --enable-demuxers --enable-parsers --enable-protocol=file --enable-decoder="$sound"
make -j"$(nproc)" >/dev/null
make install >/dev/null
echo "ffmpeg $(dpkg-parsechangelog -S Version), from source, sound only" >/usr/src/ffmpeg.version
