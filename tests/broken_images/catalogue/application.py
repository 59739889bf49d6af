"""The API: what was imported is not it, or it does not start, or does not answer."""

from tests.broken_images.fault import ADDRESS, API, MARKUP, SITE, Fault, file, into, into_main

# A server that never gets healthy is not waited for longer than it takes to see that
IMPATIENT = (
    f'HEALTHCHECK --interval=2s --retries=2 CMD ["python", "-m", "ktrdr.healthcheck", "{ADDRESS}:8000{API}/health"]'
)
HEALTH = f"@app.get('{API}/health')\ndef health():\n    return {{'status': 'ok'}}"
TEN = f"app = FastAPI()\n{HEALTH}\nfor number in range(9):\n    app.get(f'{API}/thing{{number}}')(health)"
RAISING = """
@contextlib.asynccontextmanager
async def _boom(app):
    raise RuntimeError('boom')
    yield
app.router.lifespan_context = _boom
"""


def answering(body: str, status: int = 200) -> str:
    """Return the lines that let the API's health check answer so."""
    first = "app.router.routes.insert(0, app.router.routes.pop())"
    route = f"@app.get('{API}/health', status_code={status})\ndef health():\n    {body}"
    return into_main(f"{route}\n{first}") + IMPATIENT


FAULTS = (
    Fault("the application raises while it is imported", into_main("raise RuntimeError('boom')"), "api-imports"),
    Fault("the application was renamed", into_main("application = app\ndel app"), "api-imports",
          says=("AttributeError",)),
    Fault("the application has a typing error", into_main("def :"), "api-imports", says=("SyntaxError",)),
    Fault("the application leaves while it is imported", into_main("raise SystemExit(0)"), "api-imports",
          says=("SystemExit",)),
    Fault(
        "the application is not a FastAPI instance",
        into_main("_inner = app\nasync def app(scope, receive, send):\n    await _inner(scope, receive, send)"),
        "api-is-fastapi",
    ),
    Fault("the application has one route", into_main(f"app = FastAPI()\n{HEALTH}"), "api-routes", says=("1 routes",)),
    Fault("the application has no routes", into_main("app = FastAPI()") + IMPATIENT, "api-routes", says=("0 routes",)),
    Fault("the application has ten routes", into_main(TEN), "api-routes", says=("10 routes",)),
    Fault(
        "the application has no health route",
        into("api/routes/health", "router.routes.clear()") + IMPATIENT, "api-routes", says=(f"none for {API}/health",),
    ),
    Fault("the application is loaded before it is imported", file(f"{SITE}/zzz.pth", "import ktrdr.api.main"),
          "api-new-modules"),
    Fault("the application fails while it starts", into_main(RAISING), "api-starts", says=("boom",)),
    Fault(
        "a request raises",
        into_main(f"@app.get('{API}/boom')\ndef boom():\n    raise RuntimeError('boom')"),
        "api-answers", says=(f"{API}/boom",),
    ),
    Fault("health answers 500", answering("return {'status': 'ok'}", 500), "api-answers", says=("health: 500",)),
    Fault("health raises", answering("raise RuntimeError('boom')"), "api-answers", says=("health: 500",)),
    Fault("health answers without `status`", answering("return {'state': 'ok'}"), "api-answers", says=("health: 200",)),
    Fault("health answers what is no JSON", answering("import starlette.responses as r; return r.HTMLResponse('ok')"),
          "api-answers", says=("health: 200 ok",)),
    Fault("health answers with markup",
          answering(f"import starlette.responses as r; return r.HTMLResponse({MARKUP!r})"), "api-answers",
          says=("health: 200 </pre></details><script>",)),
)  # fmt: skip
