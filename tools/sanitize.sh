#!/usr/bin/env bash
# The native part under AddressSanitizer and UndefinedBehaviorSanitizer: codestreams
# whole, cut at every place and with every byte changed, by a program of C (fuzz/native/sweep.c)
# and by both instruction sets; then the tests, in a copy of the tree that is built with
# RADKIT_SANITIZE, so the modules in use stay as they are. QUICK=1 leaves out what takes
# long; `tools/sanitize.sh sweep` runs the codestreams only, `tests` the tests only.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
python=${PYTHON:-$root/.venv/bin/python}
work=$(mktemp -d "${TMPDIR:-/tmp}/radkit-sanitize.XXXXXX")
trap 'rm -rf "$work"' EXIT

# build_sweep KIND: "replay" is with address and undefined, "threads" with the thread sanitizer.
build_sweep() {
    "$python" - "$1" <<'PY'
import sys
sys.path.insert(0, ".")
from fuzz import programs
print(programs.build("sweep", sys.argv[1]))
PY
}

sweep_codestreams() {
    echo "== codestreams"
    local sweep all=(fuzz/streams/*.j2k) few=() many=() conformance
    for name in dot tall poc ppm ict ppt_tiles irreversible_layers; do few+=("fuzz/streams/$name.j2k"); done
    for name in "${few[@]}"; do many+=("$name"); done
    for name in all_styles bypass_terminate tiles_offset cprl_precincts parts_by_layer roi \
        many_components ht_16_bits ht_colour_lossy; do many+=("fuzz/streams/$name.j2k"); done
    sweep=$(build_sweep replay)
    "$sweep" options "${all[@]}"
    if [ -n "${QUICK:-}" ]; then
        "$sweep" prefixes "${few[@]}"
        "$sweep" flips "${few[@]:0:4}"
        return
    fi
    "$sweep" prefixes "${all[@]}"
    "$sweep" flips "${many[@]}"
    conformance=$root/../shared/data/conformance/streams
    if [ -d "$conformance" ]; then
        "$sweep" whole "$conformance"/*.j??
    else
        echo "skipped: the conformance set, for $conformance is not here"
    fi
    echo "== codestreams, thread sanitizer"
    sweep=$(build_sweep threads)
    "$sweep" options "${all[@]}"
    [ ! -d "$conformance" ] || "$sweep" whole "$conformance"/{p0,p1,ds0,ds1}_*.j2k
}

[ "${1:-}" = tests ] || sweep_codestreams
[ "${1:-}" = sweep ] && exit

tar --exclude=fuzz/build --exclude=fuzz/corpus -cf - setup.py pyproject.toml src tests fuzz |
    tar -xf - -C "$work"
[ -f LICENSE ] && cp LICENSE "$work/"
[ -f README.md ] && cp README.md "$work/" || echo radkit >"$work/README.md"
[ -d "$root/../shared" ] && ln -s "$root/../shared" "$work/../shared" 2>/dev/null && linked=1 || linked=
[ -n "$linked" ] && trap 'rm -f "$work/../shared"; rm -rf "$work"' EXIT
find "$work/src" -name '*.so' -delete
find "$work" -name __pycache__ -prune -exec rm -rf {} +
cd "$work"

echo "== build with address,undefined"
RADKIT_SANITIZE=address,undefined "$python" setup.py -q build_ext --inplace -j2 >build.log 2>&1 ||
    { tail -40 build.log; exit 1; }

# Both runtimes, and the C++ one: imagecodecs throws exceptions, which the address
# sanitizer catches only if libstdc++ is there from the start.
preload="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)"
preload="$preload:$(gcc -print-file-name=libstdc++.so.6)"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export PYTHONPATH="$work/src" PYTHONMALLOC=malloc OMP_NUM_THREADS=1

# The modules under test are those of the copy, and they are instrumented.
LD_PRELOAD="$preload" "$python" - "$work" <<'PY'
import sys
from radkit._native import _j2k, _j2k_encode, _j2k_recode, _rle
for module in (_j2k, _j2k_encode, _j2k_recode, _rle):
    assert module.__file__.startswith(sys.argv[1]), module.__file__
    assert b"__asan_init" in open(module.__file__, "rb").read(), "not instrumented"
PY

run() {
    echo "== $*"
    LD_PRELOAD="$preload" "$python" -m pytest -q -p no:cacheprovider -m "not slow" "$@"
}

if [ -n "${QUICK:-}" ]; then
    run tests/codecs/test_rle.py tests/codecs/test_jpeg_lossless.py \
        -k "broken or prefix or flipped or truncat or lenient or overfull or out_of_order"
    run tests/codecs/test_j2k_damage.py -k "prefix or flip or bomb"
    run tests/codecs/test_j2k_encode_room.py -k "(every_capacity and RPCL) or smallness"
    run tests/codecs/test_j2k_recode.py -k "odd_sizes or flat or (damaged and 0-)"
    run tests/codecs/test_j2k_truncate.py -k "prefix and (sop or plain)"
    # What these rows reach is native: the walk, the frame map, RLE, JPEG Lossless, rendering.
    run tests/test_bad_input.py -k \
        "test_row_gives_its_error and (rle or sv1 or siz or bot or eot or fragment or sq_ or cut or palette)"
else
    run tests/codecs
    [ -d tests/dicom ] && run tests/dicom
    [ -d tests/pixels ] && run tests/pixels
    run tests/transcoding/test_blocks.py
    [ -d tests/mpr ] && run tests/mpr/test_engine.py tests/mpr/test_special.py
    # The child of the memory test bounds its address space, which the sanitizer needs for itself.
    run tests/test_bad_input.py --deselect tests/test_bad_input.py::test_rows_stay_within_their_memory
    # checkkernel is a C program that builds itself under both sanitizers; nothing is preloaded.
    echo "== tests/kernels"
    "$python" -m pytest -q -p no:cacheprovider tests/kernels
fi
