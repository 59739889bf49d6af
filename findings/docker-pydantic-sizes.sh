#!/bin/sh
# The same size is another number of bytes for Docker's library and for pydantic.
# Versions: docker 7.2.0, pydantic 2.14.4
# Expected: "64m" in a settings file means one thing to the code that checks it (pydantic's ByteSize) and to the
#   container that gets it as mem_limit.
# Happens: Docker's letters are binary and pydantic's are decimal: 4.6 % less for m, 6.9 % for g. pydantic's
#   unambiguous "64MiB" is refused by Docker's library.
# Seen:
#   64m: docker 67108864, pydantic 64000000
#   1.5g: docker 1610612736, pydantic 1500000000
#   64MiB: docker DockerException, pydantic 67108864
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile docker==7.2.0 pydantic==2.14.4
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import sys
from docker.utils import parse_bytes
from pydantic import ByteSize, TypeAdapter


def tried(read, text):
    try:
        return int(read(text))
    except Exception as error:
        return type(error).__name__


checked = TypeAdapter(ByteSize).validate_python
seen = {text: (tried(parse_bytes, text), tried(checked, text)) for text in ("64m", "1.5g", "64MiB")}
for text, (docker, pydantic) in seen.items():
    print(f"{text}: docker {docker}, pydantic {pydantic}")
sys.exit(seen != {
    "64m": (67108864, 64000000),
    "1.5g": (1610612736, 1500000000),
    "64MiB": ("DockerException", 67108864),
})
END
