#!/usr/bin/env bash
# External symbols begin with the stem of their file:  check_prefix.sh ROOT BUILD
# ctc_push lives in ctc.c. The two public faces, fold.h and engine.h, name what their folders'
# files share, so a symbol declared there may live in any file of the folder.
set -euo pipefail
root=$1 build=$2

symbols() { # object <tab> symbol, for every external definition in our libraries and programs
    find "$build/model" "$build/proto" "$build/server" -name '*.c.o' -print0 |
        xargs -0 -r nm -A --defined-only --extern-only --format=posix |
        awk '{ sub(/:$/, "", $1); if ($3 ~ /^[TDBRC]$/) print $1 "\t" $2 }'
}
faces() { # folder <tab> symbol, for every function that a public face declares
    for face in model/fold.h server/engine/engine.h; do
        grep -oE '\b(fold|engine)_[a-z0-9_]+\(' "$root/$face" | sed "s|^|${face%%/*}\t|; s|($||"
    done
}

# meson names the object of proto/vosk/vosk.c .../libproto_vosk.a.p/vosk_vosk.c.o:
# the file's stem is one of the tails of that name.
awk -F'\t' -v build="$build/" '
    NR == FNR { face[$1, $2] = 1; next }
    {
        object = $1; sub(build, "", object)
        folder = object; sub(/\/.*/, "", folder)
        tail = object; sub(/.*\//, "", tail); sub(/\.c\.o$/, "", tail)
        seen++
        if ($2 == "main" || $2 ~ /^(__asan|__odr_asan|__tsan|__ubsan)/ || (folder, $2) in face) next
        for (stem = tail; ; sub(/^[^_]*_/, "", stem)) {
            if (index($2, stem) == 1 && substr($2, length(stem) + 1) ~ /^(_|$)/) next
            if (stem !~ /_/) break
        }
        print object ": " $2 " should begin with " tail "_"
        wrong++
    }
    END {
        if (!seen) { print "no symbols found: is the build there?"; exit 1 }
        if (wrong) { print wrong " symbols of " seen " are misnamed"; exit 1 }
        print seen " external symbols begin with the stem of their file"
    }' <(faces) <(symbols)
