#!/usr/bin/env bash
# The kernels of 64-bit Arm, cross-compiled at every level and tested under qemu:  arm64.sh BUILD
# cmocka for Arm is downloaded into BUILD; nothing of that architecture is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
build=$(cd "$1" && pwd)
triplet=aarch64-linux-gnu
if [[ ! -f $build/complete ]]; then
    mkdir -p "$build"/apt/{lists/partial,archives/partial} "$build/root"
    apt=(apt-get -q -o APT::Architectures::=arm64 -o Dir::State::Lists="$build/apt/lists" -o Dir::Cache="$build/apt"
        -o Dir::Cache::archives="$build/apt/archives")
    "${apt[@]}" update >/dev/null
    (cd "$build/apt" && "${apt[@]}" download libcmocka0:arm64 >/dev/null)
    dpkg -x "$build"/apt/libcmocka0_*.deb "$build/root"
    rm -rf "$build/apt"
    touch "$build/complete"
fi
flags=(-std=c11 -D_GNU_SOURCE -O3 -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-unused-parameter -Werror
    -Imodel -Imodel/base -Imodel/kernels -Itests/unit -I/usr/include)
cc=("$triplet-gcc" "${flags[@]}")
# What cpu.c asks OpenBLAS for is its name.
cat >"$build/openblas.c" <<'EOF'
char *openblas_get_corename(void);
char *openblas_get_corename(void)
{
    return "none";
}
EOF
mkdir -p "$build/include"
echo 'char *openblas_get_corename(void);' >"$build/include/cblas.h"
ln -sf /usr/include/cmocka.h "$build/include/"
sources=(model/kernels/cpu.c model/kernels/quant.c "$build/openblas.c")
objects=()
while read -r level march; do
    for file in kernels gemm attend; do
        object=$build/$file-$level.o
        "${cc[@]}" -march="$march" -DLEVEL="$level" -ffp-contract=fast -c "model/kernels/$file.c" -o "$object" &
        objects+=("$object")
    done
done <<<$'baseline armv8-a\nsdot armv8.2-a+dotprod\ni8mm armv8.2-a+dotprod+i8mm'
wait
tests=(quant kernels)
for test in "${tests[@]}"; do
    "${cc[@]//-I\/usr\/include/-I$build/include}" "tests/unit/test_$test.c" "${sources[@]}" "${objects[@]}" \
        "$build/root/usr/lib/$triplet/libcmocka.so.0" -lm -o "$build/test_$test" &
done
wait
# A CPU of each level; each runs all levels that it has.
for cpu in cortex-a72 neoverse-n1 max; do
    for test in "${tests[@]}"; do
        echo "$cpu: test_$test"
        qemu-aarch64-static -cpu "$cpu" -L "/usr/$triplet" -E LD_LIBRARY_PATH="$build/root/usr/lib/$triplet" "$build/test_$test" 2>&1 |
            tee "$build/log" | grep -E '^\[ +(FAILED|ERROR)|^\[ *PASSED|tests? run|level' || true
        ! grep -qE '^\[ *(FAILED|ERROR)' "$build/log" && grep -q '^\[  PASSED' "$build/log" || { cat "$build/log"; exit 1; }
    done
done
