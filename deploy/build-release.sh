#!/usr/bin/env bash
# Builds the release daemon into build-release/: everything, or just what changed.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-release

if [[ ! -f $build/build.ninja ]]; then
    rm -rf "$build"
    if ! said=$(meson setup "$build" --buildtype=release -Dwerror=false -Dtests=false 2>&1); then
        echo "$said" >&2
        echo "The build could not be set up: see above." >&2
        exit 1
    fi
fi
[[ $(ninja -C "$build" -n) != *"no work to do"* ]] || exit 0
echo "Building foldscribed"
if ! ninja -C "$build" --quiet; then
    echo "The build failed: see above." >&2
    exit 1
fi
