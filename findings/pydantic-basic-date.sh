#!/bin/sh
# pydantic reads a date in ISO 8601's basic form as a time in 1970.
# Versions: pydantic 2.14.4
# Expected: datetime fields take ISO 8601, or refuse what they cannot read; 20261130 is the 30th of November 2026,
#   as for datetime.fromisoformat.
# Happens: Digits alone are seconds since 1970 (milliseconds above 2e10), in strings too: a request for data from
#   20261130 on gets all there is. One digit more or less moves the answer between 1970 and 2603.
# Seen:
#   fromisoformat('20261130') = 2026-11-30 00:00:00
#   pydantic      '20261130' = 1970-08-23 12:05:30+00:00
#   pydantic      '20000000000' = 2603-10-11 11:33:20+00:00
#   pydantic      '20000000001' = 1970-08-20 11:33:20.001000+00:00
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile pydantic==2.14.4
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import datetime, sys
from pydantic import TypeAdapter

read = TypeAdapter(datetime.datetime).validate_python
print("fromisoformat('20261130') =", datetime.datetime.fromisoformat("20261130"))
seen = [str(read(text)) for text in ("20261130", "20000000000", "20000000001")]
for text, found in zip(("20261130", "20000000000", "20000000001"), seen):
    print(f"pydantic      {text!r} = {found}")
sys.exit(seen != ["1970-08-23 12:05:30+00:00", "2603-10-11 11:33:20+00:00", "1970-08-20 11:33:20.001000+00:00"])
END
