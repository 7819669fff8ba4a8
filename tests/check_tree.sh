#!/usr/bin/env bash
# What no file of the tree may hold:  check_tree.sh ROOT
# Paths of somebody's machine, names of package hosts, notes to self, files too long for one noun.
set -euo pipefail
cd "$1"
longest=700
breaches=0
breach() {
    echo "$*"
    breaches=$((breaches + 1))
}
mapfile -t texts < <(tests/list_files.sh . '*.c' '*.h' '*.def' '*.py' '*.js' '*.cjs' '*.mjs' '*.sh' '*.md' \
    '*.txt' '*.json' '*.tsv' '*.build' 'meson_options.txt' 'serve' 'check' '.ci/run' NOTICE)
mapfile -t code < <(tests/list_files.sh . '*.c' '*.h' '*.py' '*.js' '*.cjs' '*.mjs' '*.sh' 'serve' 'check')

forbid() { # what it is, pattern (written so that it does not match itself), files...
    local what=$1 pattern=$2 found
    shift 2
    found=$(grep -nIE -e "$pattern" "$@" /dev/null || true)
    [[ -z $found ]] || breach "$what:"$'\n'"$found"
}
forbid "a path of somebody's machine" '(^|[^A-Za-z0-9_.])/(wor[k]|far[m]|hom[e]|roo[t])/' "${texts[@]}"
forbid "a package host" '(de[b]|snapsho[t])\.debian\.org|pyp[i]\.org|pythonhoste[d]|npmj[s]\.org' "${texts[@]}"
forbid "a note to self" '\b(TOD[O]|FIXM[E]|XX[X])\b' "${code[@]}"
forbid "a lock whose making is not checked" '^ *pthread_(mutex|cond|condattr|rwlock)_ini[t]\(.*\);$' "${code[@]}"
forbid "a stray conflict mark" '^(<{7}|>{7}) ' "${texts[@]}"
# A source that a text names is there.
while IFS=: read -r file line path; do
    [[ -f $path ]] || breach "$file:$line: there is no $path"
done < <(grep -noHE '\b(server|proto|model|clients|tests)/[a-z0-9_/]+\.(c|h|def|py|sh)\b' "${texts[@]}")
for file in "${code[@]}"; do
    lines=$(wc -l <"$file")
    ((lines <= longest)) || breach "$file has $lines lines; more than $longest is more than one noun"
done
[[ $breaches == 0 ]] || { echo "$breaches kinds of things that do not belong in the tree"; exit 1; }
echo "${#texts[@]} files hold nothing that does not belong"
