"""What the images themselves take: to start, to import, to register, to print a help."""

import shutil
import subprocess
import sys
from collections.abc import Iterator

from bench.measure import run
from bench.model import Figure, Series
from bench.workplace import Workplace
from deploy.artifacts import OBSERVED, Artifacts
from deploy.contract import Image
from deploy.engine.runs import Run, new_run
from verify.observe.model import Observation
from verify.observe.probe_reports import ApplicationReport
from verify.observe.server import seconds_between

SECONDS = 120.0  # one command's deadline
REGISTERING = 60.0  # seconds for a worker to be there
HELP = """
import subprocess, time
took = []
for _ in range(20):
    began = time.monotonic()
    subprocess.run(["ktrdr", "--help"], check=True, stdout=subprocess.DEVNULL)
    took.append(time.monotonic() - began)
print(sum(took) / len(took))
"""
# Asks from within until a worker is there; prints when it registered. Its deadline is its own: who waits outside for
# `docker exec` ends the client alone
REGISTERED = """
import json, sys, time, urllib.request
end = time.monotonic() + float(sys.argv[1])
while True:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8000/api/v1/workers", timeout=5) as answer:
            workers = json.load(answer)["workers"]
    except OSError:
        workers = []
    if workers:
        print(workers[0]["registered_at"])
        sys.exit()
    if time.monotonic() > end:
        sys.exit(f"no worker registered in {sys.argv[1]} s")
    time.sleep(0.02)
"""


def figures(place: Workplace) -> Iterator[Figure]:
    """Verify the backend alone, several times, and take its figures; a worker beside it; the command line."""
    backend = next(image for image in place.images if image.torch == "absent")
    place.say(f"starting {backend.role}")
    seen = [_observed(place, backend) for _ in range(place.rounds)]
    healthy = [
        observation.server.seconds_to_healthy
        for observation in seen
        if observation.server and observation.server.seconds_to_healthy
    ]
    imports = [_application(observation) for observation in seen]
    yield _alone(f"{backend.role}: start to healthy", "s", healthy, 1.0)
    yield _alone(f"{backend.role}: import of the API", "s", [found.import_seconds or 0.0 for found in imports], 0.5)
    memory = [round((found.import_peak_bytes or 0) / 1e6, 1) for found in imports]
    yield _alone(f"{backend.role}: peak memory of the import", "MB", memory, 70.0)
    with new_run(place.engine) as held:
        command = place.docker("run", "--rm", "--network=none", *_labels(held), backend.name, "python", "-c", HELP)
        helped = [float(_printed(command)) * 1000 for _ in range(place.rounds)]
    yield _alone("ktrdr --help, average of 20", "ms", [round(milliseconds, 1) for milliseconds in helped], 100.0)
    for worker in [image for image in place.images if not place.contract.serves_api(image)]:
        place.say(f"registering {worker.role}")
        took = [_registered(place, backend, worker) for _ in range(place.rounds)]
        yield _alone(f"{worker.role}: start to registered", "s", took, None)


def _alone(name: str, unit: str, values: list[float], at_most: float | None) -> Figure:
    return Figure.model_validate(
        {"name": name, "unit": unit, "ours": Series(what=name, values=values), "at_most": at_most}
    )


def _observed(place: Workplace, image: Image) -> Observation:
    copy = place.directory / "started"
    shutil.copytree(place.artifacts.root, copy, dirs_exist_ok=True)
    run([sys.executable, "-m", "verify", image.role, "--artifacts", str(copy)])
    return Artifacts(copy).read(image.role, OBSERVED, Observation)


def _application(observation: Observation) -> ApplicationReport:
    results = observation.probes.results if observation.probes else None
    return ApplicationReport.model_validate((results or {})["application"].report)


def _registered(place: Workplace, backend: Image, worker: Image) -> float:
    """Return the seconds from a worker's start, as the engine has it, to its registration, as the backend has it."""
    with new_run(place.engine) as held:
        network, first, second = (held.name(part) for part in ("bench", "bench-backend", "bench-worker"))
        labels = _labels(held)
        run(place.docker("network", "create", "--internal", *labels, network))
        start = ("run", "--detach", *labels, "--network", network, "--name")
        run(place.docker(*start, first, backend.name))
        url = f"--env=KTRDR_API_URL=http://{first}:8000"
        run(place.docker(*start, second, url, worker.name))
        at = _printed(place.docker("exec", first, "python", "-c", REGISTERED, str(REGISTERING)))
        started = place.client.api.inspect_container(second)["State"]["StartedAt"]
        return seconds_between(started, at)


def _labels(held: Run) -> list[str]:
    """Return the options that label a container, so that a later run finds it if this one is killed."""
    return [f"--label={name}={value}" for name, value in held.labels.items()]


def _printed(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS).stdout.strip()
