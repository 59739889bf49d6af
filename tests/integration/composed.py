"""The compose file under a project of its own: the system as its operator starts it, with compose's own limits."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.engine.labelled import RUN, find
from deploy.engine.runs import Run
from tests.integration.conftest import Ended, Images, execute
from tests.support.checkout import ROOT

COMPOSE = ROOT / "deploy" / "compose.yaml"
SECRETS = ROOT / "deploy" / "compose.secrets.yaml"
UP_SECONDS = 240
ASK = """
import json, sys, urllib.request
method, path, body = sys.argv[1], sys.argv[2], sys.argv[3].encode() if len(sys.argv) > 3 else None
headers = {"Content-Type": "application/json"}
request = urllib.request.Request("http://backend:8000/api/v1" + path, body, headers, method=method)
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""


class Project:
    """The compose file under a project of its own; what it makes carries a run's labels, as everything of ours does.

    `more` is what a test adds to services, `secrets` the file of each shared secret, if they are to be used.
    """

    def __init__(
        self, images: Images, run: Run, directory: Path,
        more: Mapping[str, Mapping[str, Any]] | None = None, secrets: Mapping[str, Path] | None = None,
    ) -> None:  # fmt: skip
        self.images, self.run, self.name = images, run, f"ktrdr-try-{run.id}"
        self.files = [COMPOSE, *([SECRETS] if secrets else []), directory / "labels.yaml"]
        services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        labelled = {"labels": run.labels}
        document: dict[str, Any] = {
            "services": {service: {**labelled, **(more or {}).get(service, {})} for service in services},
            "volumes": {"data": labelled},
            "networks": {"default": labelled},
        }
        if secrets:
            document["secrets"] = {name: {"file": str(path)} for name, path in secrets.items()}
        self.files[-1].write_text(json.dumps(document), encoding="utf-8")

    def compose(self, *words: str, seconds: float = 120.0) -> Ended:
        files = [word for path in self.files for word in ("-f", str(path))]
        command = [*self.images.engine.command(), "compose", "--project-name", self.name, *files, *words]
        return execute(*command, env={"KTRDR_PORT": "0"}, seconds=seconds)  # port 0: any that is free

    def up(self, *words: str) -> None:
        """Start services; they are healthy when this returns."""
        wait = ("--detach", "--wait", "--wait-timeout", str(UP_SECONDS))
        done = self.compose("up", *wait, *words, seconds=UP_SECONDS + 60)
        assert done.code == 0, done

    def url(self) -> str:
        """Return where the host reaches the backend."""
        done = self.compose("port", "backend", "8000")
        assert done.code == 0, done
        return f"http://{done.printed.strip()}"

    def containers(self, service: str) -> list[dict[str, Any]]:
        """Return what the engine says of a service's containers, those that have ended too."""
        api = self.images.client.api
        labels = [f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}"]
        found = api.containers(all=True, filters={"label": labels})
        return [dict(api.inspect_container(one["Id"])) for one in found]

    def log(self, container: Mapping[str, Any]) -> str:
        """Return what a container has printed."""
        return execute(*self.images.engine.command(), "logs", container["Id"]).printed

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        words = [method, path, *([json.dumps(body)] if body else [])]
        done = self.compose("exec", "-T", "training-worker", "python", "-c", ASK, *words)
        assert done.code == 0, done
        answer: dict[str, Any] = json.loads(done.printed)
        return answer

    def made(self) -> list[str]:
        return sorted(str(thing) for thing in find(self.images.client, {RUN: self.run.id}))
