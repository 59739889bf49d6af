#!/bin/sh
# PyYAML writes some strings without quotes that every YAML 1.2 reader takes for numbers: short commit ids among
#   them.
# Versions: PyYAML 6.0.4, ruamel.yaml 0.19.1
# Expected: safe_dump quotes a string wherever a reader would otherwise see a number, so labels and image tags
#   arrive as they were.
# Happens: PyYAML knows YAML 1.1, where 83e1234 and 0o17 are text. Readers of YAML 1.2 take them for numbers: Docker
#   Compose 2.26.1 makes the label 83e123 into 8.3e+124. Of abbreviated commit ids (seven digits) about one in fifty
#   becomes a number, some of them infinity.
# Seen:
#   tag: 12e5 -> 1200000.0
#   tag: 83e1234 -> inf
#   tag: 0o17 -> 15
#   tag: '0123456' -> '0123456'
#   of 2000 random commit ids 45 are read as numbers
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile pyyaml==6.0.4 ruamel.yaml==0.19.1
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import random, sys
import ruamel.yaml, yaml

newer = ruamel.yaml.YAML(typ="safe", pure=True)  # YAML 1.2
seen = {}
for tag in ("12e5", "83e1234", "0o17", "0123456"):
    written = yaml.safe_dump({"tag": tag}).strip()
    assert yaml.safe_load(written) == {"tag": tag}  # PyYAML reads what it wrote
    seen[tag] = newer.load(written)["tag"]
    print(written, "->", repr(seen[tag]))
chance = random.Random(1)
commits = [f"{chance.getrandbits(28):07x}" for _ in range(2000)]
numbers = sum(value != commit for value, commit in zip(newer.load(yaml.safe_dump(commits)), commits))
print("of 2000 random commit ids", numbers, "are read as numbers")
sys.exit(numbers != 45 or seen != {"12e5": 1200000.0, "83e1234": float("inf"), "0o17": 15, "0123456": "0123456"})
END
