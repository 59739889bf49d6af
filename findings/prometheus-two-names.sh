#!/bin/sh
# prometheus-client takes names with dots and dashes, and then writes two of them as one.
# Versions: prometheus-client 0.26.0
# Expected: A name that the classic text format cannot hold is refused; two metrics or labels whose written names
#   are the same are refused as duplicates.
# Happens: http.requests and http_requests are two counters, written twice as http_requests_total. A counter with
#   the labels code.name and code_name is written with one label twice. The library's own parser refuses the whole
#   text for that.
# Seen:
#   # TYPE lines for http_requests_total: 2
#   calls_total{code_name="1",code_name="2"} 1.0
#   its own parser: ValueError
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile prometheus-client==0.26.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import sys
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

registry = CollectorRegistry()
Counter("http.requests", "requests", registry=registry).inc(1)
Counter("http_requests", "requests", registry=registry).inc(2)
types = generate_latest(registry).decode().count("# TYPE http_requests_total counter")
print("# TYPE lines for http_requests_total:", types)
registry = CollectorRegistry()
Counter("calls", "calls", ["code.name", "code_name"], registry=registry).labels("1", "2").inc()
text = generate_latest(registry).decode()
line = next(line for line in text.splitlines() if line.startswith("calls_total"))
print(line)
try:
    list(text_string_to_metric_families(text))
    parsed = "parsed"
except ValueError as error:
    parsed = type(error).__name__
print("its own parser:", parsed)
sys.exit((types, line, parsed) != (2, 'calls_total{code_name="1",code_name="2"} 1.0', "ValueError"))
END
