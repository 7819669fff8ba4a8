#!/usr/bin/env bash
# The folder rules of ARCHITECTURE.md:  check_layers.sh ROOT BUILD
# Which folder's headers a folder may include, and which library header belongs to which files.
set -feuo pipefail # no globs expand: patterns are matched, not listed
root=$1 build=$2
cd "$root"
breaches=0
breach() {
    echo "$*"
    breaches=$((breaches + 1))
}

room() { # the room of a source file
    case $1 in
        server/base/*) echo server/base ;;
        server/audio/*) echo server/audio ;;
        *) echo "${1%%/*}" ;;
    esac
}
may_use() { # rooms that a room may use, itself included
    case $1 in
        model) echo model ;;
        proto) echo proto ;;
        server/base) echo server/base ;;
        server/audio) echo server/audio server/base ;;
        server) echo model proto server server/base server/audio ;;
        clients) echo clients ;;
        tests) echo model proto server server/base server/audio tests ;;
    esac
}
# header glob : files that may include it
libraries='
microhttpd.h:      server/http*.[ch]
libwebsockets.h:   server/ws*.[ch]
curl/*:            server/fetch.c
sndfile.h:         server/audio/* tests/unit/*
mpg123.h:          server/audio/*
FLAC/stream_decoder.h: server/audio/*
ogg/*:             server/audio/* tests/unit/*
opus/*:            server/audio/* tests/unit/* tests/fuzz/*
soxr.h:            server/audio/*
cblas.h:           model/* tests/bench/*
pthread.h:         server/* tests/* clients/*
sys/socket.h:      server/* tests/* clients/*
netinet/*:         server/* tests/* clients/*
'

mapfile -t sources < <(tests/list_files.sh . 'model/*.[ch]' 'proto/*.[ch]' 'server/*.[ch]' \
    'clients/*.[ch]' 'tests/*.[ch]')
declare -A rooms_of # header's base name -> rooms that have one
for file in "${sources[@]}"; do
    [[ $file != *.h ]] || rooms_of[${file##*/}]+="$(room "$file") "
done

while IFS=: read -r file line text; do
    from=$(room "$file")
    header=$(sed -E 's/.*[<"]([^>"]+)[>"].*/\1/' <<<"$text")
    if [[ $text == *\"* && -n ${rooms_of[${header##*/}]:-} ]]; then
        ok=
        for to in ${rooms_of[${header##*/}]}; do
            [[ " $(may_use "$from") " != *" $to "* ]] || ok=yes
        done
        [[ -n $ok ]] || breach "$file:$line: $from/ may not include $header of ${rooms_of[${header##*/}]}"
        # Of model/, the daemon sees the public face only.
        if [[ $from == server* && ${rooms_of[${header##*/}]} == 'model ' && $header != fold.h ]]; then
            breach "$file:$line: server/ uses model/ through fold.h only, not $header"
        fi
    fi
    while IFS=: read -r owned owners; do
        # shellcheck disable=SC2053 # globs are what is meant
        [[ -n $owned && $header == $owned ]] || continue
        ok=
        for glob in $owners; do
            [[ $file != $glob ]] || ok=yes
        done
        [[ -n $ok ]] || breach "$file:$line: only$owners may include $header"
    done <<<"$libraries"
done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' "${sources[@]}" /dev/null)

if [[ -f clients/meson.build ]] && grep -nE '(model|fold|proto|audio|engine)_(dep|lib)' clients/meson.build; then
    breach "clients/meson.build: clients speak only the wire and link nothing of ours"
fi

# Log-add of two -INFINITY is NaN under these, and isnan does not see it.
unsafe='-(f|O)(fast-math|fast|finite-math-only|associative-math)|optimize *\( *"(O?fast|.*math)'
if grep -nE -e "$unsafe" "${sources[@]}"; then
    breach "no source may ask for unsafe floating point"
fi
if [[ -f $build/compile_commands.json ]] && grep -qE -e ' -(ffast-math|Ofast|ffinite-math-only)' "$build/compile_commands.json"; then
    breach "$build: compiled with unsafe floating point"
fi
[[ $breaches == 0 ]] || { echo "$breaches breaches of the folder rules"; exit 1; }
echo "${#sources[@]} sources keep the folder rules"
