#!/usr/bin/env bash
# The room rules of ARCHITECTURE.md:  check_layers.sh ROOT BUILD
# Which rooms' headers a room may include is read from its table; which library header belongs to which files
# stands here.
set -feuo pipefail # no globs expand: patterns are matched, not listed
root=$1 build=$2
cd "$root"
breaches=0
breach() {
    echo "$*"
    breaches=$((breaches + 1))
}

declare -A may_use # room -> the rooms that it may use
while IFS='|' read -r _ room _ uses _; do
    room=${room//[\` ]/}
    may_use[${room%/}]=" $(grep -oE '`[a-z/]+/`' <<<"$uses" | sed 's/`//g; s|/$||' | tr '\n' ' ' || true)"
done < <(grep -E '^\| `(model|proto|server|clients|tests)/[a-z]*/?` \|' ARCHITECTURE.md)
[[ ${#may_use[@]} -gt 20 ]] || breach "ARCHITECTURE.md has no table of rooms"

room() { # the room of a source file
    case $1 in
        clients/* | tests/*) echo "${1%%/*}" ;;
        *) echo "${1%/*}" ;;
    esac
}
# header glob : files that may include it. What carries bytes knows no dialect.
libraries='
microhttpd.h:      server/net/http*.[ch]
libwebsockets.h:   server/net/ws*.[ch]
curl/*:            server/net/fetch.c server/worker/job_request.c server/worker/main.c
hiredis/*:         server/worker/job_queue.c
sndfile.h:         tests/unit/*
libavformat/*:     server/decode/*
libavcodec/*:      server/decode/*
libavutil/*:       server/decode/*
libswresample/*:   server/decode/*
seccomp.h:         server/decode/*
mpg123.h:          server/audio/*
FLAC/stream_decoder.h: server/audio/*
ogg/*:             server/audio/* tests/unit/*
opus/*:            server/audio/* tests/unit/* tests/fuzz/*
soxr.h:            server/audio/*
cblas.h:           model/* tests/bench/*
pthread.h:         server/* tests/* clients/*
sys/socket.h:      server/* tests/* clients/*
netinet/*:         server/* tests/* clients/*
openai.h:          proto/* server/sessions/* server/net/http_* tests/*
deepgram*.h:       proto/* server/sessions/* server/net/http_* tests/*
realtime*.h:       proto/* server/sessions/* server/net/http_* server/access/* tests/*
vosk.h:            proto/* server/sessions/* tests/*
'

mapfile -t sources < <(tests/list_files.sh . 'model/*.[ch]' 'proto/*.[ch]' 'server/*.[ch]' \
    'clients/*.[ch]' 'tests/*.[ch]')
declare -A room_of # header's base name -> its room
declare -A files_in
for file in "${sources[@]}"; do
    from=$(room "$file")
    files_in[$from]=1
    [[ -v may_use[$from] ]] || breach "$file: ARCHITECTURE.md has no row for the room $from/"
    [[ $file == *.h ]] || continue
    [[ ! -v room_of[${file##*/}] ]] || breach "$file: ${room_of[${file##*/}]}/ has a header of that name"
    room_of[${file##*/}]=$from
done
for from in "${!may_use[@]}"; do
    [[ -v files_in[$from] || $from == clients ]] || breach "ARCHITECTURE.md has a row for $from/, where no source is"
done

while IFS=: read -r file line text; do
    from=$(room "$file")
    header=$(sed -E 's/.*[<"]([^>"]+)[>"].*/\1/' <<<"$text")
    to=${room_of[${header##*/}]:-}
    if [[ $text == *\"* && -n $to && $from != "$to" && $from != tests && ${may_use[$from]:-} != *" $to "* ]]; then
        breach "$file:$line: $from/ may not include $header of $to/"
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
[[ $breaches == 0 ]] || { echo "$breaches breaches of the room rules"; exit 1; }
echo "${#sources[@]} sources keep the room rules"
