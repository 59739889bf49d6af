"""The images that serve the API serve the page, file by file as in this checkout."""

import hashlib
import json
import uuid

import pytest

from ktrdr.api.page.serve import FOLDER
from tests.integration.conftest import Images, execute

IN_IMAGE = """
import hashlib, json, sys, threading, time, urllib.request
import uvicorn
from ktrdr.api.main import app
server = uvicorn.Server(uvicorn.Config(app, port=8000, log_level="error"))
threading.Thread(target=server.run, daemon=True).start()
while not server.started:
    time.sleep(0.01)
found = {}
for path in ["", *("page/" + name for name in sys.argv[1:])]:
    with urllib.request.urlopen("http://127.0.0.1:8000/" + path) as answer:
        found[path] = hashlib.sha256(answer.read()).hexdigest()
print(json.dumps(found))
"""


@pytest.mark.parametrize("role", ["backend", "dev"])
def test_the_page_is_served_by_the_image(images: Images, role: str) -> None:
    files = sorted(FOLDER.iterdir())
    name = f"ktrdr-try-page-{uuid.uuid4().hex[:8]}"
    command = [*images.engine.command(), "run", "--rm", "--network=none", "--name", name]
    inside = ["python", "-c", IN_IMAGE, *(path.name for path in files)]
    try:
        ended = execute(*command, images.id_of(role), *inside, seconds=60.0)
    finally:
        execute(*images.engine.command(), "rm", "--force", "--volumes", name)  # gone, unless a deadline struck
    assert ended.code == 0, ended
    expected = {"page/" + path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert json.loads(ended.printed.splitlines()[-1]) == {"": expected["page/index.html"], **expected}
