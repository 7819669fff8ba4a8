#!/usr/bin/env bash
# Every header compiles alone, without warnings:  check_headers.sh ROOT
set -euo pipefail
cd "$1"
mapfile -t headers < <(tests/list_files.sh . 'model/*.h' 'proto/*.h' 'server/*.h' 'clients/*.h' 'tests/*.h')
folders=$(printf -- '-I%s\n' "${headers[@]%/*}" | sort -u)
wrong=0
for header in "${headers[@]}"; do
    # shellcheck disable=SC2086 # one word a folder
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wno-unused -Wno-unused-parameter \
        -Wstrict-prototypes -Werror -fsyntax-only $folders -include "$header" -x c /dev/null || wrong=$((wrong + 1))
done
[[ $wrong == 0 ]] || { echo "$wrong headers do not compile alone"; exit 1; }
echo "${#headers[@]} headers compile alone"
