#!/usr/bin/env bash
# The native part under AddressSanitizer and UndefinedBehaviorSanitizer: a copy of
# the tree is built with RADKIT_SANITIZE and its tests run there, so the modules
# in use stay as they are. QUICK=1 leaves out what takes long.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
python=${PYTHON:-$root/.venv/bin/python}
work=$(mktemp -d "${TMPDIR:-/tmp}/radkit-sanitize.XXXXXX")
trap 'rm -rf "$work"' EXIT

cp -r setup.py pyproject.toml src tests fuzz "$work/"
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
from radkit._native import _rle
assert _rle.__file__.startswith(sys.argv[1]), _rle.__file__
assert b"__asan_init" in open(_rle.__file__, "rb").read(), "not instrumented"
PY

run() {
    echo "== $*"
    LD_PRELOAD="$preload" "$python" -m pytest -q -p no:cacheprovider -m "not slow" "$@"
}

if [ -n "${QUICK:-}" ]; then
    run tests/codecs/test_rle.py tests/codecs/test_jpeg_lossless.py \
        -k "broken or prefix or flipped or truncat or lenient or overfull or out_of_order"
    run tests/codecs/test_j2k_damage.py -k "prefix or flip or bomb"
    # What these rows reach is native: the walk, the frame map, RLE, JPEG Lossless, rendering.
    run tests/test_bad_input.py -k \
        "test_row_gives_its_error and (rle or sv1 or siz or bot or eot or fragment or sq_ or cut or palette)"
else
    run tests/codecs
    [ -d tests/dicom ] && run tests/dicom
    [ -d tests/pixels ] && run tests/pixels
    # The child of the memory test bounds its address space, which the sanitizer needs for itself.
    run tests/test_bad_input.py --deselect tests/test_bad_input.py::test_rows_stay_within_their_memory
    # checkkernel is a C program that builds itself under both sanitizers; nothing is preloaded.
    echo "== tests/kernels"
    "$python" -m pytest -q -p no:cacheprovider tests/kernels
fi
