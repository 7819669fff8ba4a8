#!/bin/sh
# In the build stage: the tree, installed into FOLDER with the libraries that it needs.  compile.sh ARCH FORMATS FOLDER
set -eu
arch=$1 formats=$2 image=$3
triplet=$(cat /src/deploy/image/"$arch".triplet)
cross=
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
    cross="--cross-file /src/deploy/image/$arch.ini"
fi
decode=enabled
[ "$formats" != slim ] || decode=disabled
cd /src
# shellcheck disable=SC2086 # words
meson setup /build $cross --buildtype=release --prefix=/usr --sysconfdir=/etc --libdir="lib/$triplet" -Dtests=false \
    -Dwerror=false -Ddecode=$decode -Dworker=disabled
ninja -C /build
DESTDIR=/installed meson install -C /build --no-rebuild --strip --quiet
mkdir -p "$image/usr/sbin" "$image/usr/share" "$image/etc/ssl/certs" "$image/spool" "$image/tmp"
cp /installed/usr/sbin/foldscribed "$image/usr/sbin/"
[ "$formats" = slim ] || cp -r /installed/usr/libexec "$image/usr/"
cp -r /installed/usr/share/foldscribe "$image/usr/share/"
cp LICENSE NOTICE "$image/usr/share/foldscribe/"
cp /etc/ssl/certs/ca-certificates.crt "$image/etc/ssl/certs/"
printf 'root:x:0:0::/:/\nfoldscribe:x:10001:10001::/spool:/\n' >"$image/etc/passwd"
printf 'root:x:0:\nfoldscribe:x:10001:\n' >"$image/etc/group"
printf 'hosts: files dns\n' >"$image/etc/nsswitch.conf"
chown 10001:10001 "$image/spool" # a tmpfs over it takes its mode, not its owner
chmod 1777 "$image/spool"
chmod 1777 "$image/tmp"
python3 deploy/image/libraries.py "$triplet" "$image"
[ ! -f /usr/src/ffmpeg.version ] || cat /usr/src/ffmpeg.version >>"$image/usr/share/foldscribe/packages.txt"
