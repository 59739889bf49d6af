"""Asks a server on this machine one question and prints the answer as JSON."""

import json
import sys
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(sys.argv[1], timeout=5) as response:
        answer = {"status": response.status, "body": response.read(4000).decode("utf-8", "replace")}
except urllib.error.HTTPError as error:
    answer = {"status": error.code, "body": error.read(4000).decode("utf-8", "replace")}
except OSError as error:
    answer = {"status": 0, "body": f"{type(error).__name__}: {error}"}
print(json.dumps(answer))
