"""Proxies of the docker client's configuration reach no container of ours, and so nothing that is judged."""

import contextlib
import json
from pathlib import Path

import pytest

from deploy.engine import connection
from deploy.engine.runs import new_run
from tests.integration.conftest import Images
from verify.observe import containers

PROXY = "http://user:hunter2@127.0.0.1:9"


def test_a_container_has_the_image_s_environment_and_no_proxy_of_the_client_s(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"httpProxy": PROXY, "httpsProxy": PROXY, "ftpProxy": PROXY, "allProxy": PROXY, "noProxy": "here"}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": settings}}), encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    image_id = images.id_of("backend")
    with new_run(images.engine) as run, contextlib.closing(connection.sdk(images.engine)) as client:
        asked = client.api.create_container(image_id, ["env"], labels=run.labels)
        configured = client.api.inspect_container(asked["Id"])["Config"]["Env"]
        assert f"HTTP_PROXY={PROXY}" in configured, "the client passes nothing on: nothing is shown below"
        with containers.container(
            client, image_id, containers.Gate(), name=run.name("env"), labels=run.labels, command=["env"], writable=()
        ) as container:
            printed, _ = containers.run(client, container, 60.0)
            inspected = client.api.inspect_container(container)["Config"]["Env"]
    own = client.api.inspect_image(image_id)["Config"]["Env"]
    assert sorted(inspected) == sorted(own)
    assert "proxy" not in printed.stdout.decode().lower()
