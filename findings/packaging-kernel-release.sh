#!/bin/sh
# With packaging 26 a requirement on the kernel's release is false both ways on most distributions' kernels.
# Versions: packaging 26.4
# Expected: Of platform_release >= "5" and platform_release < "5" one holds; a value that cannot be compared is an
#   error, as in packaging 25.
# Happens: 6.1.0-18-amd64 (Debian; Ubuntu's are alike) is no version, and every comparison but equality is false
#   without a word, != too. A package with one requirement for old kernels and one for new ones gets neither.
# Seen:
#   6.18.5: {'>=': True, '<': False, '!=': True}
#   6.1.0-18-amd64: {'>=': False, '<': False, '!=': False}
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile packaging==26.4
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import sys
from packaging.markers import Marker

seen = {}
for release in ("6.18.5", "6.1.0-18-amd64"):
    seen[release] = [
        Marker(f'platform_release {operator} "5"').evaluate({"platform_release": release})
        for operator in (">=", "<", "!=")
    ]
    print(f"{release}:", dict(zip((">=", "<", "!="), seen[release])))
sys.exit(seen != {"6.18.5": [True, False, True], "6.1.0-18-amd64": [False, False, False]})
END
