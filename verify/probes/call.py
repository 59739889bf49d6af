"""Asks the backend one thing after another, each until it is so or its time is over; prints the answers as JSON."""

import http.client
import json
import sys
import time

PAUSE = 0.1  # seconds between two tries
TIMEOUT = 10.0


def once(base, ask):
    """Return the status, 0 for no answer at all, and the body, read where it is JSON."""
    host, _, port = base.partition(":")
    content = None if ask["body"] is None else json.dumps(ask["body"])
    headers = {} if content is None else {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT)
    try:
        connection.request(ask["method"], ask["path"], content, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text


def is_met(until, status, body):
    """Tell whether an answer is the one that is waited for; no condition takes any."""
    if "status" in until and status != until["status"]:
        return False
    if "where" not in until:
        return True
    value = body
    for key in until["where"].split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if "one_of" in until:
        return value in until["one_of"]
    return value is not None and value > until["above"]


def ask(base, one):
    """Return the first answer that is what is waited for, or the last one before the time was over."""
    began = time.monotonic()
    while True:
        status, body = once(base, one)
        seconds = time.monotonic() - began
        met = is_met(one["until"], status, body)
        if met or seconds >= one["limit"]:
            return {"status": status, "body": body, "seconds": round(seconds, 3), "met": met}
        time.sleep(PAUSE)


request = json.loads(sys.argv[1])
answers = []
for one in request["asks"]:
    answers.append(ask(request["base"], one))
    if not answers[-1]["met"]:
        break  # what comes after it was meant for what did not come about
print(json.dumps(answers))
