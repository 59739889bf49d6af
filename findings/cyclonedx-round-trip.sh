#!/bin/sh
# A valid CycloneDX bill that Python's CycloneDX library reads and writes again has lost parts of what it said.
# Versions: cyclonedx-python-lib 11.12.0
# Expected: Reading a bill and writing it in the same version of the format keeps what it says, or reading refuses
#   what the library does not know.
# Happens: from_json() leaves out whole keys without a word: that a vulnerability was rejected, a model's card, what
#   a component provides, compositions, annotations. Both bills pass the strict validator.
# Seen:
#   the strict validator passes what was read: True, what was written: True
#   lost: annotations components/modelCard compositions dependencies/provides formulation vulnerabilities/rejected
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile cyclonedx-python-lib==11.12.0 \
            "cyclonedx-python-lib[json-validation]==11.12.0"
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import json, sys
from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

DAY = "2026-12-01T00:00:00+00:00"
bill = {
    **{"bomFormat": "CycloneDX", "specVersion": "1.6"},
    "components": [{"type": "machine-learning-model", "name": "m", "bom-ref": "m", "modelCard": {"bom-ref": "card"}}],
    "dependencies": [{"ref": "m", "provides": ["m"]}],
    "compositions": [{"aggregate": "incomplete", "assemblies": ["m"]}],
    "annotations": [{"subjects": ["m"], "annotator": {"individual": {"name": "N"}}, "timestamp": DAY, "text": "no"}],
    "formulation": [{"bom-ref": "how"}],
    "vulnerabilities": [{"id": "CVE-1", "rejected": DAY, "affects": [{"ref": "m"}]}],
}


def lost(read, written):
    """Name the keys that are in the first only; each list here has one member."""
    for key, value in read.items():
        if key not in written:
            yield key
        elif isinstance(value, list) and isinstance(value[0], dict):
            yield from (f"{key}/{inner}" for inner in lost(value[0], written[key][0]))


text = JsonV1Dot6(Bom.from_json(bill)).output_as_string()
validator = JsonStrictValidator(SchemaVersion.V1_6)
passes = [validator.validate_str(one) is None for one in (json.dumps(bill), text)]
print(f"the strict validator passes what was read: {passes[0]}, what was written: {passes[1]}")
seen = " ".join(sorted(lost(bill, json.loads(text))))
print("lost:", seen)
stated = "annotations components/modelCard compositions dependencies/provides formulation vulnerabilities/rejected"
sys.exit(passes != [True, True] or seen != stated)
END
