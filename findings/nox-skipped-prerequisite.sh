#!/bin/sh
# A nox session runs although the session that it requires was skipped.
# Versions: nox 2026.10.20
# Expected: requires=["check"] means that check has passed; where check cannot run, publish is not run either, as
#   after a failure.
# Happens: Only a failure aborts the dependent session. A skip (no engine, no token, a missing interpreter) counts
#   as passed: publish runs unchecked, and nox ends with 0.
# Seen:
#   after a failure: publish: aborted, ends with 1
#   after a skip: publish: success, ends with 0
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile nox==2026.10.20
}; then
    echo "not available: these packages by pip"
    exit 77
fi
cd "$place"
cat >noxfile.py <<'END'
import nox

nox.options.default_venv_backend = "none"


@nox.session
def check(session):
    if "skip" in session.posargs:
        session.skip("nothing to check with")
    session.error("not right")


@nox.session(requires=["check"])
def publish(session):
    session.log("publishing")
END
after() {
    code=0
    said=$(env -u NOXSESSION "$place/env/bin/nox" --nocolor -s publish -- "$1" 2>&1) || code=$?
    echo "$(echo "$said" | grep -o 'publish: .*'), ends with $code"
}
failed=$(after fail)
skipped=$(after skip)
echo "after a failure: $failed"
echo "after a skip: $skipped"
[ "$failed" = "publish: aborted, ends with 1" ] && [ "$skipped" = "publish: success, ends with 0" ]
