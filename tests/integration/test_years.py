"""What years of use bring, on the real image under compose's limits: backups, restores, full disks, killed uploads."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.engine.runs import Run, new_run
from tests.api.population import CPU
from tests.integration.conftest import Ended, Images, execute
from tests.support.waiting import until

PATIENCE = 60.0
# Runs inside: asks for what is named, and prints status and JSON.
ASK = """
import json, sys, urllib.error, urllib.request
for path in sys.argv[1:]:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8000/api/v1/" + path, timeout=30) as answer:
            print(json.dumps([answer.status, json.load(answer)]))
    except urllib.error.HTTPError as error:
        print(json.dumps([error.code, json.load(error)]))
"""
# Runs inside: is a worker of one training after another, each of which stores a model; stores a series beside each, and
# prints each number that was acknowledged with the model's name.
STORE = """
import hashlib, io, json, subprocess, sys, urllib.error, urllib.request, zipfile
from ktrdr.names import model_name
api, count, size = "http://127.0.0.1:8000/api/v1/", int(sys.argv[1]), int(sys.argv[2])
strategy = "mlp_fx_hourly"
about = {"strategy_name": strategy, "created_at": "2024-01-01", "symbols": ["EURUSD"], "timeframes": ["1h"]}

def send(method, path, body, **headers):
    request = urllib.request.Request(api + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [answer.status, json.load(answer)]
    except urllib.error.HTTPError as error:
        return [error.code, json.load(error)["error"]["code"]]

def call(path, body):
    return send("POST", path, json.dumps(body).encode(), **{"Content-Type": "application/json"})

def told(answer):
    return answer if isinstance(answer[1], str) else [answer[0], ""]

def model(packed, token):
    started = call("trainings/start", {"strategy_name": strategy})
    if started[0] != 200:
        return told(started), ""
    task = started[1]["task_id"]
    call("workers/w/heartbeat", {"operation": None})
    name, headers = model_name(strategy, task), {"X-Content-SHA256": hashlib.sha256(packed).hexdigest()}
    stored = send("PUT", f"models/{name}/archive", packed, **headers, **{"X-Worker-Token": token})
    progress = {"percentage": 1, "current_step": "x", "steps_completed": 1, "steps_total": 100}
    error = {"code": "worker_error", "message": "its model is enough"}
    ended = {"operation_id": task, "status": "failed", "progress": progress, "error": error}
    call("workers/w/heartbeat", {"operation": ended})
    return told(stored), name

def archive(number):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("weights.safetensors", str(number).encode() + bytes(size))
        for name in ("config", "features", "metrics", "metadata"):
            zipped.writestr(name + ".json", json.dumps({**about, "number": number}))
    return file.getvalue()

def bars(number):
    rows = [f"{2000 + place // 12}-{1 + place % 12:02}-01T00:00:00Z,1,2,0.5,1,{number}" for place in range(300)]
    return "\\n".join(["timestamp,open,high,low,close,volume", *rows]).encode()

if send("GET", "data/EURUSD-SAMPLE/1h?limit=1", None)[0] == 404:
    subprocess.run(["ktrdr", "data", "sample", "--upload", "http://127.0.0.1:8000"], check=True, capture_output=True)
worker = {"worker_id": "w", "worker_type": "training", "endpoint_url": "http://w:5003", "capabilities": CAPABILITIES}
registered = call("workers/register", worker)[1]
for number in range(count):
    stored, name = model(archive(number), registered["token"] if isinstance(registered, dict) else "")
    series = told(send("POST", "data/EURUSD/1h?replace=true", bars(number), **{"Content-Type": "text/csv"}))
    print(json.dumps([number, stored, series, name]), flush=True)
""".replace("CAPABILITIES", repr(CPU))
# Runs inside: begins an upload and sends no more of it.
BEGIN = """
import socket, sys
with socket.create_connection(("127.0.0.1", 8000)) as sending:
    sending.sendall(b"POST /api/v1/data/EURUSD/1h HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 9999\\r\\n\\r\\ntimestamp")
    print("begun", flush=True)
    sending.recv(1)
"""
TOLD = ("operations?limit=500", "models?limit=500", "data/info", "data/EURUSD/1h")


@dataclass
class Engine:
    """The backend's image, in containers and volumes that carry a run's labels and go with it."""

    images: Images
    run: Run

    def docker(self, *words: str, seconds: float = 120.0) -> Ended:
        return execute(*self.images.engine.command(), *words, seconds=seconds)

    def labels(self) -> list[str]:
        return [f"--label={name}={value}" for name, value in self.run.labels.items()]

    def options(self, data: str) -> list[str]:
        limits = self.images.contract.images["backend"].limits
        return [
            *self.labels(), "--network=none", "--read-only", "--tmpfs=/tmp:size=256m,uid=10001", "--cap-drop=ALL",
            f"--memory={limits.memory}b", f"--memory-swap={limits.memory}b", f"--pids-limit={limits.processes}", data,
        ]  # fmt: skip

    def volume(self, part: str) -> str:
        name = self.run.name(part)
        assert self.docker("volume", "create", *self.labels(), name).code == 0
        return f"--volume={name}:/data"

    def start(self, part: str, data: str) -> "Backend":
        name, image = self.run.name(part), self.images.id_of("backend")
        started = self.docker("run", "--detach", "--name", name, *self.options(data), image)
        assert started.code == 0, started
        backend = Backend(self, name)
        backend.until_healthy()
        return backend

    def restore(self, data: str, content: bytes, *words: str) -> Ended:
        command = [*self.images.engine.command(), "run", "--rm", "--interactive", *self.options(data)]
        return execute(*command, self.images.id_of("backend"), "ktrdr", "restore", "-", *words, given=content)


@dataclass
class Backend:
    """A running backend."""

    engine: Engine
    name: str

    def inside(self, *words: str) -> list[str]:
        return [*self.engine.images.engine.command(), "exec", self.name, *words]

    def ask(self, *paths: str) -> list[Any]:
        asked = execute(*self.inside("python", "-c", ASK, *paths))
        assert asked.code == 0, asked
        return [json.loads(line) for line in asked.printed.splitlines()]

    def until_healthy(self) -> None:
        until("a healthy backend", lambda: '[200, {"status": "ok"' in self._health(), PATIENCE)

    def _health(self) -> str:
        return execute(*self.inside("python", "-c", ASK, "health")).printed

    def backup(self) -> bytes:
        made = subprocess.run(self.inside("ktrdr", "backup", "-"), check=True, capture_output=True, timeout=120)
        assert b"backup written to standard output: the database, " in made.stderr
        return made.stdout

    def store(self, count: int, size: int) -> list[Any]:
        done = execute(*self.inside("python", "-c", STORE, str(count), str(size)))
        assert done.code == 0, done
        return [json.loads(line) for line in done.printed.splitlines()]

    def files(self) -> list[str]:
        return execute(*self.inside("find", "/data", "-mindepth", "1", "-name", ".*")).printed.split()


@pytest.fixture
def place(images: Images) -> Iterator[Engine]:
    with new_run(images.engine) as run:
        yield Engine(images, run)


def test_what_a_working_backend_has_acknowledged_is_in_its_backup_and_comes_back_whole(place: Engine) -> None:
    first = place.start("first", place.volume("one"))
    working = subprocess.Popen(first.inside("python", "-c", STORE, "40", "20000"), stdout=subprocess.PIPE, text=True)
    assert working.stdout is not None
    acknowledged, backups = list[str](), []
    try:
        for line in working.stdout:
            number, model, series, name = json.loads(line)
            assert (model[0], series[0]) == (201, 201), line
            acknowledged.append(name)
            if number % 12 == 5:
                backups.append((list(acknowledged), first.backup()))
    finally:
        working.kill()
        working.wait()
    assert (len(acknowledged), len(backups)) == (40, 3)
    backups.append((acknowledged, first.backup()))
    told = first.ask(*TOLD)
    refused = place.restore(f"--volumes-from={first.name}", backups[-1][1], "--replace")
    assert (refused.code, "A backend uses this data directory" in refused.printed) == (1, True), refused
    assert first.ask(*TOLD) == told
    for number, (least, content) in enumerate(backups):
        data = place.volume(f"restored{number}")
        restored = place.restore(data, content)
        assert restored.code == 0, restored
        again = place.restore(data, content)
        assert (again.code, "or add --replace" in again.printed) == (1, True), again
        second = place.start(f"second{number}", data)
        found = second.ask(*TOLD)
        names = {model["name"] for model in found[1][1]["models"]}
        assert names >= {*least}
        loads = [one for one in found[0][1]["operations"] if one["operation_type"] == "data_load"]
        assert len(names) - len(loads[1:]) in (0, 1), "the first load was the sample's"
        assert second.files() == ["/data/.lock"]
        assert place.docker("rm", "--force", second.name).code == 0
    assert found == told


def test_a_full_disk_is_told_leaves_nothing_half_written_and_is_got_over(place: Engine) -> None:
    backend = place.start("full", "--tmpfs=/data:uid=10001,size=40m")
    assert backend.store(1, 20_000)[0][:3] == [0, [201, ""], [201, ""]]
    before = backend.ask(*TOLD)
    fill = "import os; open('/data/filler', 'wb').write(bytes(os.statvfs('/data').f_bavail * 4096 - {}))"
    assert execute(*backend.inside("python", "-c", fill.format(4_000_000))).code == 0
    status, health = backend.ask("health")[0]
    assert (status, health["status"], health["reason"][:10]) == (503, "unavailable", "disk full:")
    stored = backend.store(2, 6_000_000)
    assert [model for _, model, _, _ in stored] == [[503, "disk_full"]] * 2, "what has no room is refused"
    rest = "import os; open('/data/rest', 'wb').write(bytes(os.statvfs('/data').f_bavail * 4096))"
    assert execute(*backend.inside("python", "-c", rest)).code == 0
    (nothing,) = backend.store(1, 20_000)
    assert [nothing[1][0], nothing[2]] == [503, [503, "disk_full"]]
    assert backend.files() == ["/data/.lock"]
    assert execute(*backend.inside("rm", "/data/filler", "/data/rest")).code == 0
    backend.until_healthy()
    found = backend.ask(*TOLD)
    assert found[1] == before[1]
    assert backend.store(2, 6_000_000)[1][:3] == [1, [201, ""], [201, ""]]
    state = place.images.client.api.inspect_container(backend.name)
    assert (state["State"]["Running"], state["RestartCount"]) == (True, 0)
    check = "import pathlib; from ktrdr.api.store.sqlite import examine; print(examine(pathlib.Path('/data/ktrdr.db')))"
    assert execute(*backend.inside("python", "-c", check)).printed.strip() == "None"


def test_what_a_killed_upload_left_is_gone_within_a_minute_of_the_start(place: Engine) -> None:
    backend = place.start("killed", place.volume("left"))
    with subprocess.Popen(backend.inside("python", "-c", BEGIN), stdout=subprocess.PIPE) as sending:
        assert sending.stdout is not None
        sending.stdout.readline()
        left = until("an upload under way", lambda: [one for one in backend.files() if ".upload-" in one], PATIENCE)
        assert place.docker("kill", backend.name).code == 0
        sending.wait(PATIENCE)
    assert place.docker("start", backend.name).code == 0
    backend.until_healthy()
    until(f"{left} to be gone", lambda: backend.files() == ["/data/.lock"], PATIENCE)
