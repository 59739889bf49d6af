#!/bin/sh
# zlib-ng's stream depends on how its input was cut into writes; zlib's does not.
# Versions: zlib-ng 1.1.0
# Expected: A drop-in compressor gives one stream for one input and level, as zlib does: a layer's digest does not
#   depend on buffer sizes.
# Happens: At levels 1, 5 and 6 (the usual one) writes of other sizes give other streams. All unpack to the same
#   data, so no test of contents notices; caches and reproducible builds do.
# Seen:
#   zlib: streams from three write sizes, by level: {1: 1, 2: 1, 5: 1, 6: 1, 9: 1}
#   zlib_ng.zlib_ng: streams from three write sizes, by level: {1: 2, 2: 1, 5: 3, 6: 3, 9: 1}
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile zlib-ng==1.1.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import random, sys, zlib
from zlib_ng import zlib_ng

data = bytes(random.Random(1).choices(b"abcdefgh \n", k=2_000_000))


def streams(module, level):
    found = set()
    for size in (1_000, 65_536, len(data)):
        packer = module.compressobj(level)
        parts = [packer.compress(data[start:start + size]) for start in range(0, len(data), size)]
        found.add(b"".join(parts) + packer.flush())
    assert all(zlib.decompress(stream) == data for stream in found)
    return len(found)


seen = {module.__name__: {level: streams(module, level) for level in (1, 2, 5, 6, 9)} for module in (zlib, zlib_ng)}
for name, counts in seen.items():
    print(f"{name}: streams from three write sizes, by level: {counts}")
several = {level for level, count in seen["zlib_ng.zlib_ng"].items() if count > 1}
sys.exit(set(seen["zlib"].values()) != {1} or several != {1, 5, 6})
END
