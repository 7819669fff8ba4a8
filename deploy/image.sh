#!/usr/bin/env bash
# Builds the image and tries it, without a container engine (as root):  deploy/image.sh [ARCH...]
#   ARCH      amd64 or arm64 (cross-built, run under qemu); without one, this machine's
#   BASE=IMAGE      a Debian 12 to build on; without it one is made by debootstrap from this machine's mirror
#   FORMATS=slim    without foldscribe-decode
#   TRY=no          builds only
# The result is foldscribe:latest (foldscribe:ARCH, foldscribe:slim) in the local storage of buildah and podman.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$(dpkg --print-architecture)
deploy/install-packages.sh image
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}
formats=${FORMATS:-every}

make_base() { # a minimal Debian as an image, from where this machine has its packages
    local folder mirror container
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | head -n 1)
    folder=$(mktemp -d)
    debootstrap --variant=minbase bookworm "$folder" "$mirror" >/dev/null
    container=$(buildah from scratch)
    buildah add -q "$container" "$folder" / >/dev/null
    buildah commit -q --format docker "$container" foldscribe-base >/dev/null
    buildah rm "$container" >/dev/null
    rm -rf "$folder"
}
if [[ -z ${BASE:-} ]]; then
    BASE=localhost/foldscribe-base
    buildah inspect --type image "$BASE" >/dev/null 2>&1 || make_base
fi

tag_of() { # architecture
    if [[ $formats == slim ]]; then echo "foldscribe:slim"; elif [[ $1 == "$here" ]]; then echo foldscribe:latest; else echo "foldscribe:$1"; fi
}
build() { # architecture: compilers are this machine's, and so is what the image is said to be for, until it is said again
    local container
    buildah bud --layers --format docker --pull-never --network host --build-arg "ARCH=$1" --build-arg "FORMATS=$formats" \
        --build-arg "BASE=$BASE" -f deploy/image/Containerfile -t "$(tag_of "$1")" .
    [[ $1 != "$here" ]] || return 0
    container=$(buildah from "$(tag_of "$1")")
    buildah config --arch "$1" "$container"
    buildah commit -q --format docker "$container" "$(tag_of "$1")" >/dev/null
    buildah rm "$container" >/dev/null
}
size_of() { # tag: bytes of its files
    podman image inspect --format '{{.Size}}' "$1"
}

engine() {
    podman --runtime runc --cgroup-manager=cgroupfs "$@"
}
port=${PORT:-23480}
hears() { # asks for words of a clip, and looks for some of them
    local text
    for _ in $(seq 240); do
        ! curl -sf "http://127.0.0.1:$port/readyz" >/dev/null || break
        sleep 1
    done
    text=$(curl -sf "http://127.0.0.1:$port/v1/audio/transcriptions" -F file=@tests/data/672-122797-0066.flac -F model=foldscribe)
    echo "$text"
    [[ $text == *"in the l"* ]]
}
# What somebody would do with it: start it read-only and without rights, look at its health, send a file, stop it.
try() { # tag
    local name=foldscribe-try-$$ began
    engine run --detach --name "$name" --network=host --read-only --cap-drop=all --security-opt=no-new-privileges \
        --ulimit nofile=1000:1000 --ulimit nproc=20000:20000 --tmpfs /spool --env FOLDSCRIBE_LISTEN=127.0.0.1:"$port" \
        "$1" >/dev/null
    # shellcheck disable=SC2064 # now
    trap "podman rm --force --time 1 $name >/dev/null 2>&1 || true" EXIT
    hears
    engine exec "$name" /usr/sbin/foldscribed --health
    began=$SECONDS
    engine stop --time 10 "$name" >/dev/null
    echo "stopped after $((SECONDS - began)) s with $(podman inspect --format '{{.State.ExitCode}}' "$name"): $(podman logs "$name" 2>&1 | tail -n 1)"
    [[ $(podman inspect --format '{{.State.ExitCode}}' "$name") == 0 ]]
}
# The same of another architecture, by an emulator that needs no help of the kernel; it cannot start foldscribe-decode.
try_emulated() { # tag, qemu
    local container root spool daemon
    container=$(buildah from "$1")
    root=$(buildah mount "$container")
    spool=$(mktemp -d)
    XDG_CACHE_HOME=$spool OPENBLAS_NUM_THREADS=1 FOLDSCRIBE_RESTARTED=1 "$2" -cpu max -L "$root" "$root/usr/sbin/foldscribed" \
        --listen "127.0.0.1:$port" --spool "$spool" --decode-helper none --drain-grace-ms 0 --workers 1 \
        --model "$root"/usr/share/foldscribe/*.safetensors --lm "$root"/usr/share/foldscribe/*.flm \
        --prose "$root"/usr/share/foldscribe/*.prose &
    daemon=$!
    # shellcheck disable=SC2064 # now
    trap "kill $daemon 2>/dev/null || true; buildah rm $container >/dev/null; rm -rf $spool" EXIT
    hears
    kill -TERM "$daemon"
    wait "$daemon"
}

for arch in "${@:-$here}"; do
    build "$arch"
    echo "$(tag_of "$arch"): $(($(size_of "$(tag_of "$arch")") / 1000000)) MB"
    if [[ ${TRY:-yes} == no ]]; then
        continue
    elif [[ $arch == "$here" ]]; then
        try "$(tag_of "$arch")"
    else
        try_emulated "$(tag_of "$arch")" qemu-aarch64-static
    fi
done
