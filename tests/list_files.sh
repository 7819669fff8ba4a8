#!/usr/bin/env bash
# Prints the files of the source tree that match the globs given:  list_files.sh ROOT GLOB...
# A clone answers from git (new files that are not ignored included), an exported tarball by walking.
set -euo pipefail
root=$1
shift
cd "$root"
{
    git ls-files --cached --others --exclude-standard 2>/dev/null ||
        find . -type d \( -name 'build*' -o -name node_modules -o -name __pycache__ \) -prune \
            -o -type f -print | sed 's|^\./||'
} | while read -r file; do
    for glob; do
        # shellcheck disable=SC2053 # a glob is what is meant
        if [[ ($file == $glob || ${file##*/} == $glob) && -f $file ]]; then
            echo "$file"
            break
        fi
    done
done
