#!/usr/bin/env bash
# Installs what is missing of the named groups of debian-packages.txt:  install-packages.sh GROUP...
# Asks apt only when something is missing, so that a second start needs no network.
set -euo pipefail
list=$(dirname "$0")/debian-packages.txt

wanted() { # prints the missing packages of the groups given
    local group package probe
    while read -r group package probe; do
        [[ " $* " == *" $group "* ]] || continue
        [[ -z $probe ]] || ! eval "$probe" >/dev/null 2>&1 || continue
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            echo "$package"
    done < <(grep -v '^#' "$list")
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not Debian: the packages of deploy/debian-packages.txt have to be there already." >&2
    exit 0
fi
mapfile -t missing < <(wanted "$@")
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo >/dev/null; then
        printf '%s\n' "Debian packages are missing, and there is no sudo here. As root:" "" \
            "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" "" \
            "(su -c '...' asks for root's password.) Then run this again." >&2
        exit 1
    fi
    as_root=(sudo)
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}
install() {
    apt install -y --no-install-recommends "${missing[@]}"
}
echo "Installing Debian packages: ${missing[*]}"
# Old package lists name files that are gone; an update puts that right.
if ! install; then
    apt update
    if ! install; then
        echo "apt-get could not install: ${missing[*]} (its own words are above)" >&2
        exit 1
    fi
fi
