#!/bin/sh
# Docker's Python library reads .dockerignore in its own way: the context it sends is not the one that buildx sends.
# Versions: docker 7.2.0, Docker Engine 26.1.5, buildx 0.13.1
# Expected: One .dockerignore gives one build context, whether docker.utils.build (images.build of the library) or
#   buildx reads it.
# Happens: The library drops a folder with all that "!**/*.md" would keep in it. It takes [!0-9] for a negation,
#   which to buildx is written [^0-9]. **.md names every such file to buildx, and none to the library.
# Seen:
#   * !**/*.md    buildx: docs/guide.md top.md   library: top.md
#   data[!0-9]    buildx: docs/guide.md top.md dataX   library: docs/guide.md top.md data1
#   **.md         buildx: data1 dataX   library: docs/guide.md top.md data1 dataX
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile docker==7.2.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
if ! { docker version && docker buildx version; } >/dev/null 2>&1; then
    echo "not available: a Docker Engine and buildx"
    exit 77
fi
"$place/env/bin/python" - "$place" <<'END'
import os, subprocess, sys
from docker.utils.build import exclude_paths

os.chdir(sys.argv[1])
files = ["docs/guide.md", "top.md", "data1", "dataX"]
os.makedirs("context/docs")
for name in files:
    open(f"context/{name}", "w").close()
with open("Dockerfile", "w") as stream:
    stream.write("FROM scratch\nCOPY . /\n")


def by_buildx(patterns, target):
    with open("Dockerfile.dockerignore", "w") as stream:
        stream.write("\n".join(patterns) + "\n")
    command = ["docker", "buildx", "build", "--quiet", "--output", f"type=local,dest={target}"]
    subprocess.run([*command, "--file", "Dockerfile", "context"], check=True, stdout=subprocess.DEVNULL)
    return [name for name in files if os.path.exists(f"{target}/{name}")]


def by_library(patterns):
    return [name for name in files if name in exclude_paths("context", patterns)]


stated = {
    ("*", "!**/*.md"): (["docs/guide.md", "top.md"], ["top.md"]),
    ("data[!0-9]",): (["docs/guide.md", "top.md", "dataX"], ["docs/guide.md", "top.md", "data1"]),
    ("**.md",): (["data1", "dataX"], files),
}
seen = {}
for number, patterns in enumerate(stated):
    seen[patterns] = by_buildx(patterns, f"sent{number}"), by_library(list(patterns))
for patterns, (buildx, library) in seen.items():
    print(f"{' '.join(patterns):13} buildx: {' '.join(buildx)}   library: {' '.join(library)}")
sys.exit(seen != stated)
END
