#!/bin/sh
# What a FastAPI dependency does after its yield cannot change the answer any more.
# Versions: fastapi 0.165.0, httpx 0.28.1
# Expected: A dependency that commits after its yield and raises HTTPException(409) gives the client 409, as it did
#   with FastAPI 0.117.
# Happens: The answer has been sent before: the client reads 200 and believes that its data was saved. With
#   Depends(…, scope="function") it reads 409.
# Seen:
#   Depends(transaction): 200 "saved"
#   Depends(transaction, scope="function"): 409 {"detail":"the commit failed"}
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile fastapi==0.165.0 httpx==0.28.1
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import asyncio, sys
import httpx
from fastapi import Depends, FastAPI, HTTPException

application = FastAPI()


def transaction():
    yield
    raise HTTPException(409, "the commit failed")


@application.post("/usual", dependencies=[Depends(transaction)])
def usual() -> str:
    return "saved"


@application.post("/function", dependencies=[Depends(transaction, scope="function")])
def function() -> str:
    return "saved"


async def posted(path):
    served = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=served, base_url="http://server") as client:
        return await client.post(path)


late, early = asyncio.run(posted("/usual")), asyncio.run(posted("/function"))
print("Depends(transaction):", late.status_code, late.text)
print('Depends(transaction, scope="function"):', early.status_code, early.text)
sys.exit((late.status_code, late.text, early.status_code) != (200, '"saved"', 409))
END
