#!/usr/bin/env bash
# Proves the two commands on a Debian 12 that has nothing but git and a shell; RELEASE=trixie: on Debian 13.
#   MIRROR=URL deploy/clean-room.sh FOLDER [COMMAND...]
# Makes a minimal Debian in FOLDER (as root, with debootstrap), clones the committed tree into it, and
# runs there what is given, or by default: ./serve, the line that it prints, a stop, and ./check.
# APT_SOURCES names a file or folder of apt sources to use inside, where MIRROR is not all there is;
# CERTIFICATES a bundle of certificates, where a proxy has its own. PIP_CONF and NPMRC likewise.
set -euo pipefail
: "${MIRROR:?say which Debian mirror to use}"
[[ $# -ge 1 ]] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
room=$(realpath -m "$1")
shift

if [[ ! -e $room/etc/debian_version ]]; then
    debootstrap --variant=minbase --include=git,ca-certificates "${RELEASE:-bookworm}" "$room" "$MIRROR"
fi
give() { # a file or folder of this machine, if it is said -> its place inside
    [[ -z $1 ]] || { mkdir -p "$room/$(dirname "$2")" && cp -rL "$1" "$room/$2"; }
}
give "${APT_SOURCES:-}" etc/apt/
give "${CERTIFICATES:-}" etc/ssl/certs/ca-certificates.crt
give "${PIP_CONF:-}" etc/pip.conf
give "${NPMRC:-}" root/.npmrc
give /etc/resolv.conf etc/resolv.conf
give /etc/hosts etc/hosts

mounted=()
leave() {
    local at
    for at in "${mounted[@]}"; do umount -l "$at"; done
}
trap leave EXIT
for kind in proc dev sys; do
    mount --rbind "/$kind" "$room/$kind"
    mount --make-rslave "$room/$kind"
    mounted=("$room/$kind" "${mounted[@]}")
done

rm -rf "$room/root/foldscribe"
git clone -q --no-hardlinks "$source" "$room/root/foldscribe"

inside() {
    chroot "$room" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 TERM="${TERM:-dumb}" bash -c "cd ~/foldscribe && $1"
}
if [[ $# -gt 0 ]]; then
    inside "$*"
    exit
fi
# A first start from nothing, the curl line that it prints, a drained stop, a second start.
try='
    set -m
    start() {
        SECONDS=0
        ./serve --listen 127.0.0.1:18080 > /tmp/serve.log 2>&1 &
        until grep -q "^  curl" /tmp/serve.log; do
            kill -0 $! 2>/dev/null || { cat /tmp/serve.log; exit 1; }
            sleep 0.1
        done
        echo "--- ./serve was ready after $SECONDS s"
        [[ $1 != show ]] || tail -n 12 /tmp/serve.log
        line=$(grep "^  curl" /tmp/serve.log)
        echo "\$$line"
        bash -c "$line" 2>/dev/null && echo
        kill -INT %1
        wait %1
        echo "--- stopped by Ctrl-C with exit code $?"
    }
    start show
    start again'
inside "$try"
inside ./check
