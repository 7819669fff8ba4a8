#!/usr/bin/env bash
# What ARCHITECTURE.md says of the tree is so:  check_architecture.sh ROOT [write]
# The lines of each room, within a third; the files and functions of its walks. With "write" it first writes the
# lines anew, as they are.
set -euo pipefail
cd "$1"
mapfile -t sources < <(tests/list_files.sh . 'model/*.[ch]' 'model/*.def' 'proto/*.[ch]' 'server/*.[ch]' 'server/*.def')
breaches=0
breach() {
    echo "ARCHITECTURE.md: $*"
    breaches=$((breaches + 1))
}
declare -A path_of lines_of
while read -r lines file; do
    [[ $file != total ]] || continue
    path_of[${file##*/}]=$file
    room=${file%/*}
    lines_of[$room]=$((${lines_of[$room]:-0} + lines))
    [[ $room == "${room%%/*}" ]] || lines_of[${room%%/*}]=$((${lines_of[${room%%/*}]:-0} + lines))
done < <(wc -l "${sources[@]}")

rounded() { # 1234 -> 1,200; 234 -> 230
    local to=$(($1 < 1000 ? 10 : 100))
    sed -E 's/([0-9])([0-9]{3})$/\1,\2/' <<<$((($1 + to / 2) / to * to))
}
if [[ ${2:-} == write ]]; then
    while IFS= read -r line; do
        if [[ $line =~ ^( *)([a-z]+)/\ +[0-9,]+$ ]]; then
            indent=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
            [[ -n $indent ]] || top=$name
            line=$(printf '%-22s%7s' "$indent$name/" "$(rounded "${lines_of[$top${indent:+/$name}]}")")
        fi
        printf '%s\n' "$line"
    done <ARCHITECTURE.md >ARCHITECTURE.md.new
    mv ARCHITECTURE.md.new ARCHITECTURE.md
fi

rooms=0 top=
declare -A is_said
while read -r name said; do
    case $name in
        model/ | proto/ | server/) top=${name%/} room=$top ;;
        *) room=$top/${name%/} ;;
    esac
    is_said[$room]=1
    said=${said//,/} is=${lines_of[$room]:-0} rooms=$((rooms + 1))
    ((said * 3 <= is * 4 && is * 3 <= said * 4)) || breach "$room/ has $is lines, not $said: run tests/check_architecture.sh . write"
done < <(grep -E '^ *[a-z]+/ +[0-9,]+$' ARCHITECTURE.md)
for room in "${!lines_of[@]}"; do
    [[ -v is_said[$room] ]] || breach "it is not said how large $room/ is"
done

# In a walk `file.c`: goes before the functions that are in it.
functions=0 file=
while read -r name; do
    case $name in
        *.c)
            file=$name
            [[ -v path_of[$file] ]] || breach "there is no $file"
            ;;
        *)
            functions=$((functions + 1))
            grep -qE "^[a-z].*\b${name%??}\(" "${path_of[$file]:-/dev/null}" || breach "$file has no $name"
            ;;
    esac
done < <(sed -n '/^## Two walks/,/^## Sound/p' ARCHITECTURE.md | grep -E '^[0-9]+\. ' |
    grep -oE '`[a-z0-9_]+(\.c`|\(\)`)' | tr -d '`')
[[ $functions -gt 40 ]] || breach "no walks"
[[ $breaches == 0 ]] || exit 1
echo "$rooms rooms are as large as is said, and $functions functions where they are said to be"
