"""A foreign page tries to change a backend at an address that is not loopback; run in a network of its own.

`python -m tests.browser.two_origins CHROMIUM FOLDER` prints what came of it as JSON. Browsers send no Fetch Metadata to
such an address: only Origin tells the pages apart.
"""

import http.server
import json
import sys
import threading
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from tests.api.backend import Backend
from tests.browser.chromium import FLAGS

BACKEND, FOREIGN = "192.0.2.1", "192.0.2.2"  # RFC 5737: for examples
NETWORK: Final = (
    "unshare", "--net", "sh", "-c",
    f'ip link set lo up; ip addr add {BACKEND}/32 dev lo; ip addr add {FOREIGN}/32 dev lo; exec "$@"', "sh",
)  # fmt: skip
RULES: Final = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {BACKEND}, EXCLUDE {FOREIGN}"
CSV: Final = "timestamp,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1,10\n"
SEND: Final = """
async ([url, mode, body]) => {
  try {
    const answer = await fetch(url, {method: "POST", mode, body, headers: {"Content-Type": "text/plain"}});
    return answer.type === "opaque" ? "opaque" : String(answer.status);
  } catch { return "no answer"; }
}
"""
READ: Final = "async (url) => { try { return (await (await fetch(url)).text()).length > 0; } catch { return false; } }"
SUBMIT: Final = """
(url) => {
  const form = document.createElement("form");
  form.method = "POST"; form.action = url; form.enctype = "text/plain";
  document.body.append(form); form.submit();
}
"""


class Blank(http.server.BaseHTTPRequestHandler):
    """Serves an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>foreign</title>")

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


def try_everything(browser: Browser, backend: Backend, foreign: str) -> dict[str, Any]:
    """Send the same requests from a page of the backend's and from a foreign one."""
    api = f"{backend.url}/api/v1"
    page = browser.new_page()
    page.goto(foreign)
    found: dict[str, Any] = {
        "foreign upload": page.evaluate(SEND, [f"{api}/data/EVIL/1h", "no-cors", CSV]),
        "foreign upload with CORS": page.evaluate(SEND, [f"{api}/data/EVIL/4h", "cors", CSV]),
        "foreign retry": page.evaluate(SEND, [f"{api}/operations/op_1/retry", "no-cors", ""]),
        "foreign reading": page.evaluate(READ, f"{api}/operations"),
    }
    with page.expect_navigation(url=f"{api}/**") as navigation:
        page.evaluate(SUBMIT, f"{api}/operations/op_1/retry")
    found["foreign form"] = navigation.value.status
    page.goto(backend.url)
    found["own upload"] = page.evaluate(SEND, [f"{api}/data/GOOD/1h", "same-origin", CSV])
    found["own reading"] = page.evaluate(READ, f"{api}/operations")
    with backend.api as client:
        found["symbols"] = [entry["symbol"] for entry in client.get("data/symbols").json()["data"]]
    found["statuses"] = [line.rsplit('"', 2)[-1].split()[0] for line in backend.lines if "POST" in line]
    return found


def main(program: str, folder: str) -> None:
    """Run both servers and the browser; print what came of it."""
    server = http.server.ThreadingHTTPServer((FOREIGN, 0), Blank)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Backend(Path(folder), host=BACKEND) as backend, sync_playwright() as playwright:
        flags = [flag for flag in FLAGS if "host-resolver-rules" not in flag]
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=[*flags, RULES])
        try:
            print(json.dumps(try_everything(browser, backend, f"http://{FOREIGN}:{server.server_port}/")))
        finally:
            browser.close()
            server.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
