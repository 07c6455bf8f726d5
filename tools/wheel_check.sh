#!/usr/bin/env bash
# Builds a wheel and uses it in a clean environment, away from the source tree.
set -eu
cd "$(dirname "$0")/.."
top=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# By way of the source distribution, so that a file missing from it is found.
"$top/.venv/bin/python" setup.py -q sdist --dist-dir "$work"
"$top/.venv/bin/python" -m pip -q --disable-pip-version-check wheel --no-deps -w "$work/dist" "$work"/radkit-*.tar.gz
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip -q --disable-pip-version-check install --no-compile "$work"/dist/radkit-*.whl
cd "$work"
"$work/env/bin/python" - <<'PY'
import io

import numpy as np
import pydicom
from pydicom.data import get_testdata_file

import radkit

assert "site-packages" in radkit.__file__, radkit.__file__
path = get_testdata_file("CT_small.dcm", download=False)
before = radkit.decode(path)
done = radkit.transcode(path, None, "htj2k-lossless-rpcl")
assert done.max_error == 0 and np.array_equal(radkit.decode(done.data), before)
assert np.array_equal(before, pydicom.dcmread(path).pixel_array)
print(f"wheel: {radkit.__file__.rsplit('/', 2)[1]} decodes and transcodes, {done.bytes_in} -> {done.bytes_out} bytes")
PY
"$work/env/bin/radkit" --version
