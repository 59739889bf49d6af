"""What people do with what is installed in the images works: they archive it, and develop with NumPy and warnings."""

import pytest

from tests.integration.conftest import Images, execute
from tests.support.checkout import read_contract

ROLES = read_contract().roles
WITHOUT_NUMPY = [role for role in ROLES if "dev" not in read_contract().images[role].groups]

# The zip format counts from 1980, in local time.
ZIPS = """
import io, zipfile
import fastapi, ktrdr
with zipfile.ZipFile(io.BytesIO(), "w") as archive:
    for path in (ktrdr.__file__, fastapi.__file__, "/data"):
        archive.write(path)
    print({one.date_time for one in archive.infolist()})
"""
SAVES = """
import torch
from safetensors.torch import load, save
saved = save({"weights": torch.arange(6.0).reshape(2, 3)})
assert torch.equal(load(saved)["weights"], torch.arange(6.0).reshape(2, 3))
print(torch.from_numpy(torch.ones(3).numpy()).sum().item())
"""


def within(images: Images, role: str, *command: str) -> list[str]:
    """Run a command in a role's image; returns the lines that it prints."""
    images.need(role)
    run = [*images.engine.command(), "run", "--rm", "--network=none"]
    ended = execute(*run, "--env=TZ=EST5", images.id_of(role), *command)
    assert ended.code == 0, ended
    return ended.printed.splitlines()


@pytest.mark.parametrize("role", ROLES)
def test_installed_files_can_be_zipped_west_of_greenwich(images: Images, role: str) -> None:
    (time,) = within(images, role, "python", "-c", ZIPS)
    assert time == "{(1980, 1, 1, 19, 0, 0)}"


def test_tests_with_warnings_as_errors_import_torch_in_the_development_image(images: Images) -> None:
    assert within(images, "dev", "python", "-W", "error", "-c", "import torch; print(torch.ones(2).sum().item())") == [
        "2.0"
    ]


def test_safetensors_own_functions_for_torch_work_in_the_development_image(images: Images) -> None:
    assert within(images, "dev", "python", "-W", "error", "-c", SAVES) == ["3.0"]


@pytest.mark.parametrize("role", WITHOUT_NUMPY)
def test_what_ships_has_no_numpy(images: Images, role: str) -> None:
    found = "import importlib.util; print(importlib.util.find_spec('numpy'))"
    assert within(images, role, "python", "-c", found) == ["None"]
