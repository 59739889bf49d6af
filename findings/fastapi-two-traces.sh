#!/bin/sh
# FastAPI traces requests itself once OpenTelemetry's SDK is set up; the general ASGI middleware around it makes two
#   traces.
# Versions: fastapi 0.165.0, opentelemetry-sdk 1.45.2, opentelemetry-instrumentation-asgi 0.66b2, httpx 0.28.1
# Expected: Without an instrumentation there are no spans; wrapped in OpenTelemetryMiddleware a request has one
#   server span, and FastAPI's spans are its children.
# Happens: Without any instrumentation a request has four spans. Wrapped, it has two server spans without a parent,
#   in two traces: requests count twice, and what the endpoint does is not under the middleware's span.
# Seen:
#   bare:    1 server span, 3 inside, 1 trace
#   wrapped: 2 server spans, 2 without a parent, 2 traces
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile fastapi==0.165.0 \
            opentelemetry-sdk==1.45.2 \
            opentelemetry-instrumentation-asgi==0.66b2 \
            httpx==0.28.1
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import asyncio, sys
import httpx
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
application = FastAPI()


@application.get("/items/{number}")
def item(number: int) -> int:
    return number


async def spans(served):
    exporter.clear()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://server") as client:
        (await client.get("/items/1")).raise_for_status()
    return exporter.get_finished_spans()


def servers(found):
    return [span for span in found if span.kind is trace.SpanKind.SERVER]


def traces(found):
    return len({span.context.trace_id for span in found})


bare = asyncio.run(spans(application))
wrapped = asyncio.run(spans(OpenTelemetryMiddleware(application)))
inside = [span for span in bare if span.parent]
roots = [span for span in servers(wrapped) if span.parent is None]
print(f"bare:    {len(servers(bare))} server span, {len(inside)} inside, {traces(bare)} trace")
print(f"wrapped: {len(servers(wrapped))} server spans, {len(roots)} without a parent, {traces(wrapped)} traces")
seen = (len(servers(bare)), len(inside), traces(bare), len(servers(wrapped)), len(roots), traces(wrapped))
sys.exit(seen != (1, 3, 1, 2, 2, 2))
END
