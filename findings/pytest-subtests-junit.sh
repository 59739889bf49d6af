#!/bin/sh
# pytest's own subtests (new in 9) make a JUnit report whose totals are not those of its test cases.
# Versions: pytest 9.2.0
# Expected: A report has as many test cases as it says; a test that passed is a test case that passed; -x stops at
#   the first failure.
# Happens: Subtests count in the totals and are no test cases: 2 test cases, tests="6", failures="3". A test that
#   passed is "skipped" if one subtest was. -x stops after two failures.
# Seen:
#   terminal: 3 failed, 1 passed, 1 skipped, 1 subtests passed
#   report: tests=6 failures=3 skipped=1; test cases: 2, failed 1, skipped 1
#   -x: stopping after 2 failures
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile pytest==9.2.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
cd "$place"
cat >test_subtests.py <<'END'
import pytest


def test_fails(subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert number == 0


def test_passes(subtests):
    with subtests.test("optional"):
        pytest.skip("not here")
END
tests() {
    env -i COLUMNS=100 "$place/env/bin/python" -m pytest -q --rootdir . -p no:cacheprovider "$@" || true
}
terminal=$(tests --junitxml report.xml | tail -n 1 | sed 's/ in .*//')
report=$("$place/env/bin/python" - <<'END'
import xml.etree.ElementTree

suite = xml.etree.ElementTree.parse("report.xml").getroot()[0]
cases = suite.findall("testcase")
failed, skipped = (sum(case.find(kind) is not None for case in cases) for kind in ("failure", "skipped"))
totals = " ".join(f"{name}={suite.get(name)}" for name in ("tests", "failures", "skipped"))
print(f"{totals}; test cases: {len(cases)}, failed {failed}, skipped {skipped}")
END
)
stopped=$(tests -x | grep -o 'stopping after [0-9]* failures')
echo "terminal: $terminal"
echo "report: $report"
echo "-x: $stopped"
[ "$report" = "tests=6 failures=3 skipped=1; test cases: 2, failed 1, skipped 1" ]
[ "$stopped" = "stopping after 2 failures" ]
