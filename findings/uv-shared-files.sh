#!/bin/sh
# A file edited in one environment of uv is edited in every environment that uv makes later.
# Versions: uv 0.13.9
# Expected: An installed package belongs to its environment: a print put into site-packages for a moment ends with
#   that environment.
# Happens: uv links files from its cache (hard links, by its own choice). Appending to one changes the cache's only
#   copy: a new environment has the edit, without a download or a word. With UV_LINK_MODE=copy set later, it has the
#   edit, too.
# Seen:
#   names of the installed file: 2
#   second environment: # debugging
#   third environment, UV_LINK_MODE=copy: # debugging
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile uv==0.13.9
}; then
    echo "not available: these packages by pip"
    exit 77
fi
UV_CACHE_DIR="$place/cache"
export UV_CACHE_DIR
unset UV_LINK_MODE
install() {
    "$place/env/bin/uv" pip install --quiet --python "$place/env/bin/python" --target "$1" six==1.17.0
}
if ! install "$place/first"; then
    echo "not available: six 1.17.0 by uv"
    exit 77
fi
names=$(stat -c %h "$place/first/six.py")
if [ "$names" = 1 ]; then
    echo "not available: hard links between uv's cache and this temporary folder"
    exit 77
fi
echo "# debugging" >>"$place/first/six.py"
install "$place/second"
UV_LINK_MODE=copy install "$place/third"
second=$(tail -n 1 "$place/second/six.py")
third=$(tail -n 1 "$place/third/six.py")
echo "names of the installed file: $names"
echo "second environment: $second"
echo "third environment, UV_LINK_MODE=copy: $third"
[ "$second" = "# debugging" ] && [ "$third" = "# debugging" ]
