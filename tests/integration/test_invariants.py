"""What must be caught: another image under a tag, an eager import in the code, a build that failed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.artifacts import BUILD, LOG, Artifacts
from tests.integration.conftest import Checkout, Images, findings

MAIN = "ktrdr/api/main.py"
EAGER = {"backend": f"/opt/venv/lib/python3.11/site-packages/{MAIN}", "dev": f"/app/{MAIN}"}


@pytest.fixture
def gpu_image_under_the_cpu_tag(images: Images) -> Iterator[None]:
    images.need("worker-gpu")
    name = images.contract.images["worker-cpu"].name
    before = images.id_of("worker-cpu")
    try:
        images.client.api.tag(images.id_of("worker-gpu"), name)
        yield
    finally:
        images.client.api.tag(before, name)
    assert images.id_of("worker-cpu") == before


@pytest.mark.usefixtures("gpu_image_under_the_cpu_tag")
def test_the_gpu_image_under_the_cpu_tag_fails_for_cuda_its_distributions_its_size_and_the_moved_tag(
    images: Images, tmp_path: Path
) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    ended = images.verify("worker-cpu", artifacts=artifacts)
    assert ended.code == 1, ended
    found = findings(artifacts, "worker-cpu")
    failed = {name for name, one in found.items() if one.outcome == "FAIL"}
    assert failed >= {"torch-build", "cuda-distributions", "cuda-libraries", "size-added", "size-total", "same-image"}
    assert f"cuda {images.verdicts['worker-gpu'].figures.cuda_build}" in found["torch-build"].found
    assert "nvidia-cudnn" in found["cuda-distributions"].found
    budget = images.contract.images["worker-cpu"].added_at_most
    assert f"at most {budget / 1e6:,.1f} MB added" in found["size-added"].expected
    assert "the tag moved" in found["same-image"].found
    assert found["torch-build"].category == found["size-added"].category == "CODE_BUG"
    for words in ("FAIL  torch-build", "FAIL  cuda-distributions", "FAIL  size-added", "FAIL  same-image"):
        assert words in ended.printed, ended


def test_torch_at_the_top_of_main_fails_in_both_images_naming_file_and_line(images: Images, checkout: Checkout) -> None:
    main = (checkout.directory / MAIN).read_text(encoding="utf-8")
    (checkout.directory / MAIN).write_text(main.replace("import asyncio\n", "import asyncio\nimport torch\n", 1))
    line = 1 + main[: main.index("import asyncio\n")].count("\n") + 1
    built = checkout.build(*EAGER)
    assert built.code == 0, built
    ended = checkout.verify(*EAGER)
    assert ended.code == 1, ended
    assert images.id_of("backend") == images.records["backend"].image_id, "the good tag moved"
    for role, path in EAGER.items():
        found = checkout.findings(role)["lazy-import"]
        assert (found.outcome, found.category) == ("FAIL", "CODE_BUG"), ended
        assert f"import torch at {path}:{line}" in found.found
        assert f"{path}:{line}" in ended.printed, ended
    assert checkout.findings("backend")["api-imports"].outcome == "FAIL"
    assert checkout.findings("dev")["api-imports"].outcome == "PASS"


@pytest.fixture
def broken(images: Images, checkout: Checkout) -> Checkout:
    """A checkout whose backend was built and verified yesterday, and no longer builds."""
    good = images.contract.images["backend"].name
    images.client.images.get(good).tag(checkout.name("backend"))
    shutil.copytree(images.artifacts.root / "backend", checkout.artifacts.root / "backend")
    checkout.change(
        "deploy/docker/Dockerfile.backend",
        "FROM ${PYTHON_IMAGE}\n",
        "FROM ${PYTHON_IMAGE}\nRUN echo the last words && echo and a reason >&2 && exit 7\n",
    )
    return checkout


def test_a_failed_build_shows_its_step_and_last_lines_stops_no_other_and_is_an_error_when_verified(
    broken: Checkout,
) -> None:
    built = broken.build("backend", "dev")
    assert built.code == 1, built
    for words in ("backend: build failed", "RUN echo the last words", "| the last words", "| and a reason"):
        assert words in built.printed, built
    assert "Traceback" not in built.printed
    assert "the last words" in broken.artifacts.path("backend", LOG).read_text(encoding="utf-8")
    assert broken.artifacts.path("dev", BUILD).exists(), built
    assert left(broken.artifacts, "backend") == [LOG]
    ended = broken.verify("backend")
    assert ended.code == 3, ended
    found = broken.findings("backend")
    assert (found["built-here"].outcome, found["built-here"].category) == ("ERROR", "ENVIRONMENT")
    assert found["image-present"].outcome == "PASS", "yesterday's image is still there, and its record must not be"
    assert "FAIL" not in {one.outcome for one in found.values()}


def left(artifacts: Artifacts, role: str) -> list[str]:
    """Return the files that a role has."""
    return sorted(path.name for path in (artifacts.root / role).iterdir())
