#!/bin/sh
# safetensors' NumPy functions save a transposed array as its untransposed memory and do not say so.
# Versions: safetensors 0.8.0, NumPy 2.4.6
# Expected: What is loaded equals what was saved, as with safetensors 0.7.0; or saving fails, as safetensors.torch
#   does for such a tensor.
# Happens: save() succeeds. The loaded array has the right shape and type, and its values in another order. The
#   docstring asks for contiguous arrays; nothing checks it.
# Seen:
#   saved  [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
#   loaded [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
#   loaded after ascontiguousarray: as saved
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile safetensors==0.8.0 numpy==2.4.6
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import sys
import numpy, safetensors.numpy as safetensors

transposed = numpy.arange(6.0).reshape(2, 3).T
loaded = safetensors.load(safetensors.save({"weight": transposed}))["weight"]
copied = safetensors.load(safetensors.save({"weight": numpy.ascontiguousarray(transposed)}))["weight"]
print("saved ", transposed.tolist())
print("loaded", loaded.tolist())
print("loaded after ascontiguousarray:", "as saved" if numpy.array_equal(copied, transposed) else copied.tolist())
stated = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
sys.exit(loaded.tolist() != stated or not numpy.array_equal(copied, transposed))
END
