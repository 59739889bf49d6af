#!/bin/sh
# session.notify of a parametrized nox session queues only its first variant; -s and requires= run all of them.
# Versions: nox 2026.10.20
# Expected: A name means the same sessions everywhere: "test" is each of its parameters, as for -s and requires=; a
#   second notify with other posargs runs the session again.
# Happens: notify takes the first variant and leaves the others without a word; nox ends with 0. A second notify
#   of that variant does nothing, and its posargs are lost; only its return value, False, tells so.
# Seen:
#   -s test:       test(old) [] test(new) [] ends with 0
#   requires test: test(old) [] test(new) [] ends with 0
#   notify test:   test(old) ['fast'] ends with 0
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
@nox.parametrize("library", [nox.param("one", id="old"), nox.param("two", id="new")])
def test(session, library):
    print("ran", session.name, session.posargs)


@nox.session(requires=["test"])
def required(session):
    pass


@nox.session
def notified(session):
    session.notify("test", posargs=["fast"])
    session.notify("test", posargs=["slow"])
END
ran() {
    code=0
    said=$(env -u NOXSESSION "$place/env/bin/nox" --nocolor -s "$1" 2>&1) || code=$?
    echo "$(echo "$said" | sed -n 's/^ran //p' | tr '\n' ' ')ends with $code"
}
direct=$(ran test)
required=$(ran required)
notified=$(ran notified)
echo "-s test:       $direct"
echo "requires test: $required"
echo "notify test:   $notified"
all="test(old) [] test(new) [] ends with 0"
[ "$direct" = "$all" ] && [ "$required" = "$all" ] && [ "$notified" = "test(old) ['fast'] ends with 0" ]
