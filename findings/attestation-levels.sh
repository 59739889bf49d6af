#!/bin/sh
# in-toto's own library cannot hold a verification summary as SLSA's specification writes it.
# Versions: in-toto-attestation 0.9.3
# Expected: Its type for the predicate takes verifiedLevels as the specification has it since version 1.0: a list of words.
# Happens: The type has one word there. A summary after the specification is refused, and one that the library takes has
#   another form than readers of the specification expect. The counts of dependencyLevels are taken as they should be.
# Seen:
#   verifiedLevels, a list: refused
#   verifiedLevels, one word: taken
#   dependencyLevels, counts by level: taken
# Ends with 0 if so, 1 if something else is seen, 77 where the package cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" && "$place/env/bin/pip" install --quiet --no-compile in-toto-attestation==0.9.3
}; then
    echo "not available: this package by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import sys
from google.protobuf.json_format import ParseDict, ParseError
from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary

level = "SLSA_BUILD_LEVEL_3"
summary = {
    "verifier": {"id": "https://example.com/verifier"},
    "timeVerified": "2026-12-01T10:00:00Z",
    "resourceUri": "pkg:docker/example/image@sha256%3Aaaaa",
    "policy": {"uri": "https://example.com/policy"},
    "verificationResult": "PASSED",
    "slsaVersion": "1.0",
}


def take(**levels):
    try:
        ParseDict({**summary, **levels}, VerificationSummary())
    except ParseError:
        return "refused"
    return "taken"


seen = {
    "verifiedLevels, a list": take(verifiedLevels=[level]),
    "verifiedLevels, one word": take(verifiedLevels=level),
    "dependencyLevels, counts by level": take(dependencyLevels={level: 5}),
}
for what, came in seen.items():
    print(f"{what}: {came}")
sys.exit([*seen.values()] != ["refused", "taken", "taken"])
END
