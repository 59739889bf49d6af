"""The page's files: what they may load, what they hold, and that they are shipped."""

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from uv import find_uv_bin

from ktrdr.api.page.serve import FOLDER, POLICY, _Files
from tests.support.checkout import ROOT

FILES = sorted(path.name for path in FOLDER.iterdir())
PAGES = {"index.html", "docs.html"}
TEXTS = {name: (FOLDER / name).read_text(encoding="utf-8") for name in FILES}


@pytest.mark.parametrize(
    "path", ["http://backend/", "http://backend/docs", *(f"http://backend/page/{name}" for name in FILES)]
)
def test_every_file_is_served_under_the_policy_and_asked_for_again_costs_nothing(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    if path.endswith(".js"):
        assert "javascript" in answer.headers["content-type"]
    if "/page/" in path:
        again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_a_file_of_the_same_time_and_size_with_other_content_is_sent_anew(tmp_path: Path) -> None:
    """As in two images, in which every file has one time."""
    app = FastAPI()
    app.mount("/page", _Files(directory=tmp_path))
    client, file = TestClient(app), tmp_path / "a.js"
    tags: set[str] = set()
    for text in ("const tries = 3;", "const tries = 5;"):
        file.write_text(text)
        os.utime(file, (315_619_200, 315_619_200))
        known = {"If-None-Match": ", ".join(tags), "If-Modified-Since": "Wed, 02 Jan 1980 00:00:00 GMT"}
        answer = client.get("/page/a.js", headers=known)
        assert (answer.status_code, answer.text) == (200, text)
        tags.add(answer.headers["etag"])
    assert len(tags) == 2


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "default-src 'none'" in POLICY
    assert "require-trusted-types-for 'script'" in POLICY
    assert not re.search(r"unsafe|https?:|\*|data:", POLICY)


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_address_or_makes_markup_of_text(name: str) -> None:
    text = TEXTS[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//[a-z]+\.", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=\"", text)


def test_what_the_page_and_its_scripts_name_is_there() -> None:
    named = set(re.findall(r'"(?:/page|\.)/([\w.-]+)"', "".join(TEXTS.values())))
    assert named == set(FILES) - PAGES
    ids = set(re.findall(r'byId\("([\w-]+)"\)', "".join(TEXTS.values())))
    assert ids <= set(re.findall(r'id="([\w-]+)"', "".join(TEXTS[name] for name in PAGES)))


@pytest.mark.parametrize("path", ["../serve.py", "..%2fserve.py", "%2e%2e/serve.py", "nothing.js", "/etc/passwd", ""])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(f"http://backend/page/{path}")
    assert answer.status_code == 404
    assert answer.json()["success"] is False


def test_the_page_needs_no_store(client: TestClient) -> None:
    client.app.state.context.close()  # type: ignore[attr-defined]  # the application under test
    assert client.get("http://backend/").status_code == 200


def test_every_file_is_in_the_wheel(tmp_path: Path) -> None:
    command = [find_uv_bin(), "build", "--wheel", "--offline", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert {f"ktrdr/api/page/static/{name}" for name in FILES} <= set(zipfile.ZipFile(wheel).namelist())
