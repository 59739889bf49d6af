#!/bin/sh
# setuptools makes another source distribution at every build, SOURCE_DATE_EPOCH or not; its wheels are the same.
# Versions: setuptools 84.2.1, hatchling 1.33.0, build 1.6.1
# Expected: With SOURCE_DATE_EPOCH set, building an unchanged tree twice gives the same files, source distribution
#   and wheel.
# Happens: The wheel is the same. The source distribution differs: generated files and folders in it carry the time
#   of the build. hatchling's is the same, so the setting itself is right.
# Seen:
#   setuptools.build_meta: wheel same
#   setuptools.build_meta: sdist different
#   hatchling.build: wheel same
#   hatchling.build: sdist same
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile setuptools==84.2.1 hatchling==1.33.0 build==1.6.1
}; then
    echo "not available: these packages by pip"
    exit 77
fi
export SOURCE_DATE_EPOCH=1600000000
cd "$place"
seen=
for backend in setuptools.build_meta hatchling.build; do
    for time in first second; do
        mkdir -p "tree/thing"
        echo "answer = 42" >tree/thing/__init__.py
        printf '[build-system]\nrequires = []\nbuild-backend = "%s"\n' "$backend" >tree/pyproject.toml
        printf '[project]\nname = "thing"\nversion = "1"\n' >>tree/pyproject.toml
        find tree -exec touch -d 2020-01-01 {} +
        for kind in wheel sdist; do
            env/bin/python -m build --no-isolation "--$kind" --outdir "$backend/$time/$kind" tree >log 2>&1 || cat log
        done
        rm -r tree
    done
    for kind in wheel sdist; do
        if cmp -s "$backend/first/$kind/"* "$backend/second/$kind/"*; then same=same; else same=different; fi
        seen="$seen $same"
        echo "$backend: $kind $same"
    done
done
[ "$seen" = " same different same same" ]
