#!/usr/bin/env bash
# Builds the Debian packages of the committed tree:  deploy/package.sh FOLDER
#   foldscribe (daemon, unit, client), foldscribe-models, libfold0.1, libfold-dev
# Installs what that needs (as root), takes deploy/debian as the tree's debian/, and runs dpkg-buildpackage.
set -euo pipefail
[[ $# == 1 ]] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
"$root/deploy/install-packages.sh" build package
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git -C "$root" archive --prefix=foldscribe/ HEAD | tar -x -C "$work"
mv "$work/foldscribe/deploy/debian" "$work/foldscribe/debian"
version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" "$root/meson.build")
sed -i -e "s/@VERSION@/$version/" -e "s/@DATE@/$(git -C "$root" log -1 --format=%cD)/" "$work/foldscribe/debian/changelog"
(cd "$work/foldscribe" && dpkg-buildpackage --build=binary --no-sign)
mv "$work"/*.deb "$folder/"
ls -l "$folder"/*.deb
