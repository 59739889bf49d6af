#!/bin/sh
# Starlette's static files have the same ETag in two images whose files differ, where file times are fixed.
# Versions: starlette 1.10.0, httpx 0.28.1
# Expected: A file with another content has another ETag, and a browser that asks with the old one gets the new
#   file.
# Happens: The ETag is made of time and size. Reproducible images give every file one time. An edit that keeps the
#   size (a number, a flag) is answered 304, and browsers keep the old image's script for good.
# Seen:
#   before: 200 'const retries = 3;'
#   after:  304 ''
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile starlette==1.10.0 httpx==0.28.1
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - "$place" <<'END'
import asyncio, os, sys
import httpx
from starlette.staticfiles import StaticFiles

script = os.path.join(sys.argv[1], "main.js")


async def image(text, etag=""):
    """Ask a fresh server, whose image has this script, as a browser that holds `etag`."""
    with open(script, "w") as stream:
        stream.write(text)
    os.utime(script, (315619200, 315619200))  # SOURCE_DATE_EPOCH, as reproducible builds set it
    served = httpx.ASGITransport(StaticFiles(directory=sys.argv[1]))
    async with httpx.AsyncClient(transport=served, base_url="http://server") as client:
        return await client.get("/main.js", headers={"If-None-Match": etag} if etag else {})


before = asyncio.run(image("const retries = 3;"))
after = asyncio.run(image("const retries = 5;", before.headers["etag"]))
print(f"before: {before.status_code} {before.text!r}")
print(f"after:  {after.status_code} {after.text!r}")
sys.exit((before.status_code, after.status_code) != (200, 304))
END
