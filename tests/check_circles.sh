#!/usr/bin/env bash
# No modules include each other in a circle:  check_circles.sh ROOT BUILD
# A module is a header and the source of that name; it uses those whose headers either of them includes. Rooms
# likewise: what a room uses never leads back to it.
set -euo pipefail
cd "$1"
mapfile -t sources < <(tests/list_files.sh . 'model/*.[ch]' 'proto/*.[ch]' 'server/*.[ch]' | grep -v '^model/tools/')
edges=$(grep -HoE '^[[:space:]]*#[[:space:]]*include "[^"]+"' "${sources[@]}" | awk -F: -v list="${sources[*]}" '
    BEGIN {
        n = split(list, files, " ")
        for (i = 1; i <= n; i++)
            if (files[i] ~ /\.h$/) { base = files[i]; sub(/.*\//, "", base); module = files[i]; sub(/\.h$/, "", module); of[base] = module }
    }
    {
        from = $1; sub(/\.[ch]$/, "", from)
        header = $2; sub(/.*include "/, "", header); sub(/"$/, "", header); sub(/.*\//, "", header)
        if (header in of && of[header] != from) print from, of[header]
    }' | sort -u)
wrong=0
acyclic() { # what they are; edges on standard input
    local loops
    if ! loops=$(tsort 2>&1 >/dev/null); then
        echo "$1 in a circle:" $(sed -n 's/^tsort: \([^-].*\)$/\1/p' <<<"$loops" | grep -v 'contains a loop')
        wrong=1
    fi
}
acyclic modules <<<"$edges"
acyclic rooms < <(awk '{ sub(/\/[^\/]*$/, "", $1); sub(/\/[^\/]*$/, "", $2); if ($1 != $2) print }' <<<"$edges" | sort -u)
[[ $wrong == 0 ]] || exit 1
echo "$(wc -l <<<"$edges") uses of one module by another, and no circle"
