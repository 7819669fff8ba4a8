#!/bin/sh
# In the build stage: compilers for this machine's own architecture, libraries of the image's.  packages.sh ARCH
set -eu
arch=$1
export DEBIAN_FRONTEND=noninteractive
here=$(dpkg --print-architecture)
[ "$arch" = "$here" ] || dpkg --add-architecture "$arch"
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$list" ] || sed -i -e 's/^deb \(.*\)/&\ndeb-src \1/' -e 's/^Types: deb$/Types: deb deb-src/' "$list"
done
apt-get -q update
libraries=$(awk '$1 == "build" && $2 ~ /-dev$/ && $2 !~ /^(libc6|libav|libsw|libhiredis)/ { print $2 }' /src/deploy/debian-packages.txt)
if [ "$arch" = "$here" ]; then
    tools="gcc libc6-dev binutils"
else
    tools="gcc-$(cat /src/deploy/image/"$arch".triplet | tr _ -) libc6-dev:$arch binutils binutils-$(cat /src/deploy/image/"$arch".triplet | tr _ -)"
fi
# shellcheck disable=SC2046,SC2086 # one word a package
apt-get -q install -y --no-install-recommends $tools ca-certificates dpkg-dev make meson ninja-build pkg-config python3 \
    $(for library in $libraries; do echo "$library:$arch"; done) "libopenblas0-pthread:$arch"
