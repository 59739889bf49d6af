#!/bin/sh
# in-toto's own library for attestations makes every number of a predicate a float; sigstore's library keeps them.
# Versions: in-toto-attestation 0.9.3, sigstore 4.5.1
# Expected: A statement has the numbers that were put in; two libraries make the same statement from the same
#   predicate.
# Happens: The predicate travels through a protobuf Struct, which knows doubles only. 3 becomes 3.0, and counts
#   above 2^53 (bytes, nanoseconds) become other numbers. The statements of the two libraries have two digests.
# Seen:
#   in-toto:  {'layers': 3.0, 'nanoseconds': 1.796082132944481e+18}
#   sigstore: {'layers': 3, 'nanoseconds': 1796082132944481027}
#   the number of in-toto's is 3 less
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile in-toto-attestation==0.9.3 sigstore==4.5.1
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import json, sys
from google.protobuf.json_format import MessageToJson
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from sigstore.dsse import StatementBuilder, Subject

predicate = {"layers": 3, "nanoseconds": 1796082132944481027}
kind, digest = "https://example.com/measured", {"sha256": "a" * 64}
statement = Statement([ResourceDescriptor(name="image", digest=digest).pb], kind, predicate)
statement.validate()
of_in_toto = json.loads(MessageToJson(statement.pb))["predicate"]
built = StatementBuilder([Subject(name="image", digest=digest)], kind, predicate).build()
of_sigstore = json.loads(built._contents)["predicate"]
lost = predicate["nanoseconds"] - int(of_in_toto["nanoseconds"])
print("in-toto: ", dict(sorted(of_in_toto.items())))
print("sigstore:", dict(sorted(of_sigstore.items())))
print("the number of in-toto's is", lost, "less")
floats = all(type(value) is float for value in of_in_toto.values())
sys.exit(not floats or lost == 0 or of_sigstore != predicate or type(of_sigstore["layers"]) is not int)
END
