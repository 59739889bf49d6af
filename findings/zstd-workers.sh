#!/bin/sh
# Zstandard with worker threads gives the bytes that one thread gives, up to 8 MiB only.
# Versions: backports-zstd 1.8.0
# Expected: nb_workers is a matter of speed: a test that packs a small file with and without workers and compares
#   speaks for every size.
# Happens: At level 3 one-shot compression of 8 MiB is the same with and without workers, of 9 MiB it is not.
#   Written as a stream, 1 MiB already differs. The number of workers does not matter, only whether there are any.
# Seen:
#   8 MiB: workers change the bytes: False; 1 or 4 workers: the same
#   9 MiB: workers change the bytes: True; 1 or 4 workers: the same
#   1 MiB as a stream: workers change the bytes: True
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile backports-zstd==1.8.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import io, random, sys
from backports import zstd

WORKERS = zstd.CompressionParameter.nb_workers
data = bytes(random.Random(1).choices(b"abcdefgh \n", k=9 << 20))


def packed(mib, workers):
    return zstd.compress(data[:mib << 20], options={WORKERS: workers})


def stream(mib, workers):
    target = io.BytesIO()
    with zstd.ZstdFile(target, "w", options={WORKERS: workers}) as file:
        file.write(data[:mib << 20])
    return target.getvalue()


seen = []
for mib in (8, 9):
    one = packed(mib, 1)
    seen.append(packed(mib, 0) != one)
    alike = "the same" if packed(mib, 4) == one else "different"
    print(f"{mib} MiB: workers change the bytes: {seen[-1]}; 1 or 4 workers: {alike}")
seen.append(stream(1, 0) != stream(1, 1))
print("1 MiB as a stream: workers change the bytes:", seen[-1])
sys.exit(seen != [False, True, True] or alike != "the same")
END
