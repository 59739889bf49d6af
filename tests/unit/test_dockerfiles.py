"""What can be said of the Dockerfiles without building them: the facts that every image rests on."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from deploy.base.image import default_reference
from deploy.base.pins import read_pins
from deploy.uv_lock import locked_version
from tests.support.checkout import PROJECT, ROOT, read_contract

CONTRACT = read_contract()
ROLES = CONTRACT.roles
CPU = [role for role, image in CONTRACT.images.items() if image.torch == "cpu"]
DOCKER = ROOT / "deploy" / "docker"
SCRIPT = ("deploy/docker/sync.sh", "deploy/docker/left-out.toml")  # what installs, and what it removes again
PINNED = "deploy/docker/pins.toml"  # where a torch wheel is injected


def text(role: str) -> str:
    return (ROOT / CONTRACT.images[role].dockerfile).read_text(encoding="utf-8")


def instructions(role: str) -> list[str]:
    """The instructions, comments and line continuations removed."""
    lines = [line for line in text(role).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [" ".join(line.split()) for line in joined.splitlines()]


def only(role: str, keyword: str) -> str:
    """The one instruction of this kind, without its keyword."""
    (found,) = [line for line in instructions(role) if line.startswith(f"{keyword} ")]
    return found.removeprefix(f"{keyword} ")


def position(role: str, wanted: str) -> int:
    (found,) = [number for number, line in enumerate(instructions(role)) if re.search(wanted, line)]
    return found


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_directory_holds_the_contract_s_dockerfiles_and_no_other() -> None:
    assert sorted(path.name for path in DOCKER.glob("Dockerfile*")) == sorted(
        Path(image.dockerfile).name for image in CONTRACT.images.values()
    )


def test_uv_is_the_locked_one(role: str) -> None:
    (image,) = [match[1] for line in instructions(role) if (match := re.fullmatch(r"FROM (\S+/uv:\S+) AS uv", line))]
    assert image == read_pins(PROJECT.pins).image(f"ghcr.io/astral-sh/uv:{locked_version('uv', PROJECT.lock)}")


def test_the_base_image_is_by_default_the_contract_s_python(role: str) -> None:
    default = re.fullmatch(
        r"PYTHON_IMAGE=(\S+)", next(line[4:] for line in instructions(role) if line.startswith("ARG "))
    )
    assert default is not None
    assert re.fullmatch(rf"python:{re.escape(CONTRACT.python)}-slim-[a-z]+@sha256:[0-9a-f]{{64}}", default[1])


def test_the_default_base_image_is_the_one_that_is_bootstrapped_where_no_registry_answers(role: str) -> None:
    assert f"ARG PYTHON_IMAGE={read_pins(PROJECT.pins).image(default_reference(CONTRACT.python))}" in instructions(role)


def test_the_image_starts_from_the_base_image_that_is_given(role: str) -> None:
    stages = [line for line in instructions(role) if line.startswith("FROM ")]
    assert stages[-1] == "FROM ${PYTHON_IMAGE}"


def test_nothing_is_fetched_to_read_the_dockerfile(role: str) -> None:
    assert not re.search(r"^#\s*(syntax|escape|check)\s*=", text(role), re.MULTILINE | re.IGNORECASE)


def test_the_user_is_numeric_and_not_root(role: str) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", only(role, "USER"))


def test_programs_that_lend_rights_go_before_anything_is_installed(role: str) -> None:
    (number,) = [
        at for at, line in enumerate(instructions(role)) if "-perm /6000" in line and "install -m 444 /dev/null" in line
    ]
    assert number < min(at for at, line in enumerate(instructions(role)) if "sync.sh --no-dev" in line)


def test_the_user_is_the_one_that_is_made(role: str) -> None:
    uid, _, gid = only(role, "USER").partition(":")
    assert f"ktrdr:x:{uid}:{gid}:" in text(role)
    assert f"install -d -o {uid} -g {gid} /home/ktrdr" in text(role)


def test_everything_that_is_installed_belongs_to_root(role: str) -> None:
    runs = [number for number, line in enumerate(instructions(role)) if line.startswith(("RUN ", "COPY "))]
    assert max(runs) < position(role, "^USER ")


def test_the_command_is_executed_without_a_shell(role: str) -> None:
    words = json.loads(only(role, "CMD"))
    assert words
    assert all(isinstance(word, str) for word in words)


def test_the_contract_allows_what_the_dockerfile_sets_and_nothing_else(role: str) -> None:
    due = CONTRACT.configuration_of(CONTRACT.images[role])
    final = instructions(role)[position(role, r"^FROM \$\{PYTHON_IMAGE\}$") :]
    sets = {line.partition(" ")[0] for line in final} - {"FROM", "ARG", "RUN", "COPY"}
    assert sets == {"ENV", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "CMD", "LABEL"}
    variables = dict(word.split("=", 1) for line in final if line.startswith("ENV ") for word in line.split()[1:])
    labels = dict(re.findall(r'(\S+)="([^"]*)"', only(role, "LABEL")))
    assert variables == due.environment
    assert labels == {**due.labels, "org.opencontainers.image.revision": "$REVISION"}
    assert [line.split()[1] for line in final if line.startswith("WORKDIR ")] == [due.working_directory]
    assert (only(role, "USER"), json.loads(only(role, "CMD"))) == (due.user, due.command)
    assert [f"{only(role, 'EXPOSE')}/tcp"] == due.ports


def test_the_health_check_s_words_and_times_are_within_the_contract_s(role: str) -> None:
    due, check = CONTRACT.configuration_of(CONTRACT.images[role]).healthcheck, only(role, "HEALTHCHECK")
    assert due is not None
    assert json.loads(check.partition("CMD ")[2]) == [*due.command, CONTRACT.images[role].health]
    options = {name.replace("-", "_"): float(value) for name, value in re.findall(r"--([\w-]+)=([\d.]+)s?", check)}
    assert options.keys() == due.numbers.keys()
    assert all(due.numbers[name].at_least <= value <= due.numbers[name].at_most for name, value in options.items())


def test_there_is_no_entry_point_before_the_command(role: str) -> None:
    assert not [line for line in instructions(role) if line.startswith("ENTRYPOINT")]


def test_the_health_check_asks_the_contract_s_address_with_the_image_s_own_python(role: str) -> None:
    check = only(role, "HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == ["python", "-m", "ktrdr.healthcheck", CONTRACT.images[role].health]
    assert "curl" not in check
    assert "wget" not in check


def test_the_health_check_waits_for_the_start_and_asks_often_during_it(role: str) -> None:
    check = only(role, "HEALTHCHECK")
    assert all(option in check for option in ("--start-period=", "--start-interval=", "--timeout=", "--interval="))


def test_the_port_that_is_exposed_is_the_one_that_answers(role: str) -> None:
    assert f":{only(role, 'EXPOSE')}/" in CONTRACT.images[role].health


@pytest.mark.parametrize(
    "word", [r"chown", r"chmod", r"\bcurl\b", r"apt-get", r"pip install (?!--)", r"\bsudo\b", r"ADD "]
)
def test_what_doubles_bytes_or_brings_what_is_not_locked_is_not_there(role: str, word: str) -> None:
    assert not [line for line in instructions(role) if re.search(word, line)]


def test_what_changes_with_every_commit_comes_last(role: str) -> None:
    found = [line.partition(" ")[0] for line in instructions(role)]
    assert found[-2:] == ["ARG", "LABEL"]
    assert instructions(role)[-2] == "ARG REVISION=unknown"
    assert found.count("LABEL") == 1


def test_the_labels_say_role_revision_title_and_description(role: str) -> None:
    label, image = only(role, "LABEL"), CONTRACT.images[role]
    assert f'ktrdr.role="{role}"' in label
    assert 'org.opencontainers.image.revision="$REVISION"' in label
    assert f'org.opencontainers.image.title="{image.name.partition(":")[0]}"' in label
    assert f'org.opencontainers.image.description="{image.description}"' in label


APPLICATION = "COPY --from=install /application/ /"


def test_dependencies_come_before_the_application_and_nothing_after_it_makes_a_layer(role: str) -> None:
    last = instructions(role).index(APPLICATION)
    assert position(role, r"sync\.sh --no-dev") < last
    assert not [line for line in instructions(role)[last + 1 :] if line.startswith(("RUN ", "COPY ", "WORKDIR "))]


def test_the_application_is_installed_alike_wherever_it_is_not_editable() -> None:
    blocks = {
        role: block(role, " AS install$", r"--application /mnt$") for role in ROLES if "--editable" not in text(role)
    }
    assert len(blocks) > 1
    assert len({tuple(one) for one in blocks.values()}) == 1


def test_the_lock_and_not_the_source_decides_on_the_dependencies_layers(role: str) -> None:
    for line in instructions(role):
        if line.startswith("RUN ") and "sync.sh" in line and "--application" not in line:
            sources = set(re.findall(r"type=bind,source=([^,]+),", line))
            injects = {PINNED} if "--torch-source" in line else set()
            assert sources == {*SCRIPT, *injects, "pyproject.toml", "uv.lock"}


def test_whatever_makes_a_layer_sets_the_times_of_its_files(role: str) -> None:
    assert "ARG SOURCE_DATE_EPOCH=315619200" in instructions(role)
    for line in instructions(role):
        if line.startswith("RUN "):
            assert "sync.sh" in line or 'touch -d "@$SOURCE_DATE_EPOCH"' in line


def test_the_package_cache_stays_outside_the_layers(role: str) -> None:
    for line in instructions(role):
        if line.startswith("RUN ") and "sync.sh" in line:
            assert "--mount=type=cache," in line
            assert "--mount=type=bind,from=uv," in line


@pytest.mark.parametrize("secret", ["certificates", "uv-settings"])
def test_what_the_host_is_configured_with_comes_as_a_secret(role: str, secret: str) -> None:
    for line in instructions(role):
        if line.startswith("RUN ") and "sync.sh" in line:
            assert f"--mount=type=secret,id={secret}" in line
    assert not re.search(r"(?i)\b(ARG|ENV) \S*(proxy|token|password|index|cert)", text(role))


def test_extras_and_groups_are_the_contract_s(role: str) -> None:
    synced = " ".join(line for line in instructions(role) if "sync.sh" in line)
    assert re.findall(r"--extra (\S+)", synced) == CONTRACT.images[role].extras
    assert re.findall(r"--only-group (\S+)", synced) == CONTRACT.images[role].groups


@pytest.mark.parametrize("role", CPU)
def test_cpu_images_get_torch_from_the_cpu_source(role: str) -> None:
    assert "ARG TORCH_SOURCE=pytorch-cpu" in instructions(role)
    assert '--torch-source "$TORCH_SOURCE"' in text(role)


def test_the_gpu_image_gets_torch_from_the_lock_s_own_source_by_default() -> None:
    assert "ARG TORCH_SOURCE=" in instructions("worker-gpu")
    assert '--torch-source "$TORCH_SOURCE"' in text("worker-gpu")


def test_the_backend_knows_no_source_of_torch() -> None:
    assert "torch" not in " ".join(instructions("backend")).replace("sync.sh", "").lower()


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("backend", "`uv sync --frozen --no-dev`"),
        ("worker-cpu", "--extra ml"), ("worker-gpu", "--extra ml"),
        ("dev", "pytorch-cpu"), ("worker-cpu", "pytorch-cpu"), ("worker-gpu", "pytorch-cu"),
    ],
)  # fmt: skip
def test_the_troubleshooting_of_the_specification_finds_its_words(role: str, words: str) -> None:
    comments = [line for line in text(role).splitlines() if line.startswith("#")]
    assert any(words in line for line in comments)
    assert (words == "--extra ml") <= (words in " ".join(instructions(role)))


def test_the_specification_s_search_for_the_cause_finds_nothing_in_the_backend() -> None:
    assert "extra ml" not in text("backend")


def test_a_comment_names_the_command_that_each_line_comes_to(role: str) -> None:
    synced = [line for line in instructions(role) if "/sync.sh" in line and "--application" not in line]
    found = [re.search(r"sync\.sh (?:--torch-source \S+ )?(--[\w -]+?)(?: &&|$)", line) for line in synced]
    comments = " ".join(line for line in text(role).splitlines() if line.startswith("#"))
    assert found
    assert all(match and f"`uv sync --frozen {match[1]}`" in comments for match in found)


def test_what_is_mounted_touches_no_directory_of_a_layer(role: str) -> None:
    """A place for a mount is made in the layer, or not, as the builder likes. In a tmpfs it is in no layer."""
    synced = [line for line in instructions(role) if "/sync.sh" in line and "--application" not in line]
    assert synced
    for line in synced:
        (first, *others) = re.findall(r"--mount=(\S+)", line)
        assert first == "type=tmpfs,target=/tmp"
        assert all(re.search(r",target=/tmp/", mount) for mount in others), line


def block(role: str, first: str, last: str) -> list[str]:
    """The instructions between two, both with them."""
    return instructions(role)[position(role, first) : position(role, last) + 1]


def test_the_core_s_layers_are_the_same_in_all_images() -> None:
    blocks = {role: block(role, r"^FROM \$\{PYTHON_IMAGE\}$", r"sync\.sh --no-dev$") for role in ROLES}
    assert all(blocks[role] == blocks[ROLES[0]] for role in ROLES)
    assert len(blocks[ROLES[0]]) == 5


def test_torch_s_layer_is_the_same_in_all_cpu_images() -> None:
    blocks = {role: block(role, r"^ARG TORCH_SOURCE", r"--torch-source") for role in CPU}
    assert len(CPU) == 2
    assert blocks[CPU[0]] == blocks[CPU[1]]


def test_the_header_says_how_to_build_the_image_with_plain_docker(role: str) -> None:
    image = CONTRACT.images[role]
    assert f"#   docker build -f {image.dockerfile} -t {image.name} ." in text(role)


def test_the_header_names_every_build_argument_and_context(role: str) -> None:
    header = text(role).partition("\nARG ")[0]
    arguments = {line.split()[1].partition("=")[0] for line in instructions(role) if line.startswith("ARG ")}
    contexts = set(re.findall(r"from=([\w-]+)", text(role))) - {"install"}
    assert all(name in header for name in arguments | contexts)


def test_the_build_context_is_a_list_of_what_may_enter() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        "!pyproject.toml", "!uv.lock", "!LICENSE", "!ktrdr", *(f"!{one}" for one in (*SCRIPT, PINNED)),
    }  # fmt: skip
    last = max(number for number, rule in enumerate(rules) if rule.startswith("!"))
    assert any(rule.endswith(".env*") for rule in rules[last:])


def test_what_is_copied_may_enter_the_build_context(role: str) -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copies = [line.split()[1:-1] for line in instructions(role) if line.startswith("COPY ") and "--from" not in line]
    copied = [word for words in copies for word in words]
    assert all(f"!{word}" in allowed for word in copied)


def test_the_script_is_posix_shell() -> None:
    done = subprocess.run(
        ["sh", "-n", str(DOCKER / "sync.sh")], capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_script_stops_at_the_first_error() -> None:
    code = [line for line in (DOCKER / "sync.sh").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert next(line for line in code if line) == "set -eu"
