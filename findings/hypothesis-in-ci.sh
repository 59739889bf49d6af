#!/bin/sh
# Hypothesis tries the same inputs in every CI run.
# Versions: hypothesis 6.170.17
# Expected: Each run of a property tests new inputs, so a nightly CI job keeps looking for failures.
# Happens: Where a CI system's environment variable is set (CI, GITLAB_CI, …) the profile "ci" is in force. It turns
#   derandomize on and keeps no database. The hundredth CI run tests what the first one did. Only people's machines
#   find anything new.
# Seen:
#   here: 3 runs, 3 different sets of inputs
#   CI:   3 runs, 1 set of inputs
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile hypothesis==6.170.17
}; then
    echo "not available: these packages by pip"
    exit 77
fi
cd "$place"
cat >property.py <<'END'
from hypothesis import given, strategies

tried = []


@given(strategies.integers(), strategies.text())
def property_under_test(number, text):
    tried.append((number, text))


property_under_test()
print(hash(tuple(tried)))
END
sets() {
    for _ in 1 2 3; do
        env -i PYTHONHASHSEED=0 "$@" "$place/env/bin/python" property.py
    done | sort -u | wc -l
}
here=$(($(sets A=1)))
ci=$(($(sets CI=true)))
echo "here: 3 runs, $here different sets of inputs"
echo "CI:   3 runs, $ci set of inputs"
[ "$here $ci" = "3 1" ]
