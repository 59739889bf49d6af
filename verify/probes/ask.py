"""Asks a server on this machine one question; prints the answer, and whose libraries its processes hold, as JSON."""

import glob
import http.client
import json
import re
import sys
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(sys.argv[1], timeout=5) as response:
        answer = {"status": response.status, "body": response.read(4000).decode("utf-8", "replace")}
except urllib.error.HTTPError as error:
    answer = {"status": error.code, "body": error.read(4000).decode("utf-8", "replace")}
except (OSError, http.client.HTTPException, ValueError) as error:
    answer = {"status": 0, "body": f"{type(error).__name__}: {error}"}
processes, packages = 0, set()
for file in glob.glob("/proc/[0-9]*/maps"):
    try:
        with open(file, encoding="utf-8", errors="replace") as maps:
            text = maps.read()
    except OSError:
        continue  # it ended, or belongs to another user
    processes += bool(text)
    packages |= set(re.findall(r"/(?:site|dist)-packages/(\w+)/[^\n]*\.so", text))
print(json.dumps({**answer, "processes": processes, "packages": sorted(packages)}))
