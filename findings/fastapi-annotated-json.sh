#!/bin/sh
# The same value is other JSON once a FastAPI endpoint has a return annotation, though it is dict[str, Any].
# Versions: fastapi 0.165.0, httpx2 2.16.2
# Expected: An annotation documents and checks what is returned; -> dict[str, Any] changes nothing; NaN is refused,
#   as JSON has none and the schema says "number".
# Happens: With an annotation another writer is at work. NaN was an error 500 and is now 200 with null, which the
#   API's own schema forbids. Money turns from a number into text, a duration from seconds into ISO 8601.
# Seen:
#   no annotation:     Internal Server Error {"value":1.5} {"value":90.0}
#   -> dict[str, Any]: {"value":null} {"value":"1.50"} {"value":"PT1M30S"}
#   -> dict[str, float]: 200 {"value":null}, documented as number
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile fastapi==0.165.0 httpx2==2.16.2
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import datetime, decimal, sys
from typing import Any
from fastapi import FastAPI
from fastapi.testclient import TestClient

VALUES = {"nan": float("nan"), "money": decimal.Decimal("1.50"), "duration": datetime.timedelta(seconds=90)}
app = FastAPI()


@app.get("/bare/{name}")
def bare(name: str):
    return {"value": VALUES[name]}


@app.get("/annotated/{name}")
def annotated(name: str) -> dict[str, Any]:
    return {"value": VALUES[name]}


@app.get("/ratio")
def ratio() -> dict[str, float]:
    return {"value": VALUES["nan"]}


client = TestClient(app, raise_server_exceptions=False)
seen = {kind: [client.get(f"/{kind}/{name}").text for name in VALUES] for kind in ("bare", "annotated")}
print("no annotation:    ", *seen["bare"])
print("-> dict[str, Any]:", *seen["annotated"])
answer = client.get("/ratio")
schema = app.openapi()["paths"]["/ratio"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
told = f"{answer.status_code} {answer.text}, documented as {schema['additionalProperties']['type']}"
print("-> dict[str, float]:", told)
assert seen["bare"] == ["Internal Server Error", '{"value":1.5}', '{"value":90.0}']
assert seen["annotated"] == ['{"value":null}', '{"value":"1.50"}', '{"value":"PT1M30S"}']
sys.exit(told != '200 {"value":null}, documented as number')
END
