"""container-structure-test's configuration, schema 2.0.0 (its README), as checks of a contract's own. Pure.

Where a field has no word here, or means something else there, that is told with the field.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from deploy.forms import mistake
from deploy.own_checks import CommandCheck, FileCheck, OwnCheck, SettingCheck

SCHEMA = "2.0.0"
NAME_AT_MOST = 110  # characters, so that a number fits behind
# How Go writes what a file is and who may do what (io/fs, FileMode.String)
PERMISSIONS = re.compile(r"(-|[dL]?u?g?t?)((?:[r-][w-][x-]){3})")
SPECIAL = {"u": 0o4000, "g": 0o2000, "t": 0o1000}
COPYRIGHTS = "/usr/share/doc/*/copyright"
UNLICENSED = ["AGPL", "WTFPL"]  # what no licence may contain there
WORDLESS = {
    "privileged": "no check runs with more rights than the image's user has",
    "allocate_tty": "no check has a terminal",
    "env_vars": "no variable comes from the host; name it with its value in the check's environment",
    "env_file": "no file of variables is read; name each with its value in the check's environment",
    "capabilities": "no check has capabilities",
    "bind_mounts": "nothing of the host is mounted",
}
TEARDOWN = "nothing is run after a command: its container is removed (there, too, with the driver docker)"
Texts = list[str]


def _whole(value: Any) -> Any:
    """Return a whole number as YAML 1.1 writes it (0x1F, 010 for eight, 1_000); any other value as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return int(re.sub(r"^([-+]?)0(?=[0-7])", r"\g<1>0o", value), 0)
    return value


Whole = Annotated[int, BeforeValidator(_whole)]


class _Part(BaseModel):
    """A part of the configuration: no unknown keys; every number and every truth is read from its text."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Variable(_Part):
    """A variable or a label."""

    key: str
    value: str = ""
    is_regex: bool = False


class CommandTest(_Part):
    """A command and what it is to print."""

    name: str
    setup: list[Texts] = Field(default_factory=list)
    teardown: list[Texts] = Field(default_factory=list)
    env_vars: list[Variable] = Field(default_factory=list)
    exit_code: Whole = 0
    command: str
    args: Texts = Field(default_factory=list)
    expected_output: Texts = Field(default_factory=list)
    excluded_output: Texts = Field(default_factory=list)
    expected_error: Texts = Field(default_factory=list)
    excluded_error: Texts = Field(default_factory=list)


class FileExistenceTest(_Part):
    """A path at which something lies, or nothing."""

    name: str
    path: str
    should_exist: bool = True
    permissions: str = ""
    uid: Whole = -1
    gid: Whole = -1
    is_executable_by: str = ""


class FileContentTest(_Part):
    """A file and what it is to say."""

    name: str
    path: str
    expected_contents: Texts = Field(default_factory=list)
    excluded_contents: Texts = Field(default_factory=list)


class MetadataTest(_Part):
    """The image's configuration."""

    env_vars: list[Variable] = Field(default_factory=list)
    unbound_env_vars: list[Variable] = Field(default_factory=list)
    labels: list[Variable] = Field(default_factory=list)
    exposed_ports: Texts = Field(default_factory=list)
    unexposed_ports: Texts = Field(default_factory=list)
    volumes: Texts = Field(default_factory=list)
    unmounted_volumes: Texts = Field(default_factory=list)
    entrypoint: Texts | None = None
    cmd: Texts | None = None
    workdir: str = ""
    user: str = ""


class LicenseTest(_Part):
    """The licences of Debian's packages, or of files."""

    debian: bool = False
    files: Texts = Field(default_factory=list)


class ContainerRunOptions(_Part):
    """How the commands' containers run."""

    user: str = ""
    privileged: bool = False
    allocate_tty: bool = False
    env_vars: Texts = Field(default_factory=list)
    env_file: str = ""
    capabilities: Texts = Field(default_factory=list)
    bind_mounts: Texts = Field(default_factory=list)


class Configuration(_Part):
    """The whole file."""

    schema_version: Annotated[Literal["2.0.0"], Field()]
    global_env_vars: list[Variable] = Field(default_factory=list)
    command_tests: list[CommandTest] = Field(default_factory=list)
    file_existence_tests: list[FileExistenceTest] = Field(default_factory=list)
    file_content_tests: list[FileContentTest] = Field(default_factory=list)
    metadata_test: MetadataTest = MetadataTest()
    license_tests: list[LicenseTest] = Field(default_factory=list)
    container_run_options: ContainerRunOptions = ContainerRunOptions()


class Translation:
    """What a configuration comes to: checks, the test that each comes from, and what has no word here."""

    def __init__(self, configuration: Configuration) -> None:
        self.read, self.checks, self.notes = configuration, list[OwnCheck](), list[str]()
        self.sources: dict[str, str] = {}  # name of a check -> name of its test, as that tool's report has it
        self.used: Counter[str] = Counter()
        self.globals = {one.key: one.value for one in configuration.global_env_vars}
        self._options()
        for number, command in enumerate(configuration.command_tests):
            self._command(f"commandTests.{number}", command)
        for number, existence in enumerate(configuration.file_existence_tests):
            self._existence(f"fileExistenceTests.{number}", existence)
        for number, content in enumerate(configuration.file_content_tests):
            due = {"contains": content.expected_contents, "contains_not": content.excluded_contents}
            source = f"File Content Test: {content.name}"
            self._file(f"fileContentTests.{number}", source, content.name, content.path, due)
        for place, name, keys in _settings(configuration.metadata_test):
            self._setting(f"metadataTest.{place}", name, keys)
        for number, test in enumerate(configuration.license_tests):
            for path in [COPYRIGHTS] * test.debian + test.files:
                due = {"contains_not": UNLICENSED}
                self._file(f"licenseTests.{number}", "License Test", f"licence: {path}", path, due)

    def _add(self, place: str, source: str, make: Callable[[str], OwnCheck], name: str) -> None:
        """Add a check under a name that no other has; one that the contract refuses is told instead."""
        title = " ".join(name.split())[:NAME_AT_MOST]
        self.used[title] += 1
        title += f" ({self.used[title]})" * (self.used[title] > 1)
        try:
            check = make(title)
        except ValidationError as error:
            self.notes += [f"{place}: {mistake(dict(one), [])}" for one in error.errors(include_url=False)]
            return
        self.checks.append(check)
        self.sources[check.name] = source

    def _options(self) -> None:
        options = self.read.container_run_options
        for field, why in WORDLESS.items():
            if getattr(options, field):
                self.notes.append(f"containerRunOptions.{to_camel(field)}: {why}")

    def _command(self, place: str, test: CommandTest) -> None:
        if test.teardown:
            self.notes.append(f"{place}.teardown: {TEARDOWN}")
        environment = dict(self.globals)
        for one in test.env_vars:
            environment[one.key] = _replaced(one.value, {one.key: environment.get(one.key, f"${one.key}")})
        keys: dict[str, Any] = {
            "command": [test.command, *test.args],
            "exit_code": test.exit_code,
            "stdout": test.expected_output,
            "stdout_not": test.excluded_output,
            "stderr": test.expected_error,
            "stderr_not": test.excluded_error,
            "environment": environment,
            "setup": test.setup,
            "user": self.read.container_run_options.user or None,
            "writable_root": True,
            "substitute": any("$" in word for words in (*test.setup, [test.command, *test.args]) for word in words),
        }
        source = f"Command Test: {test.name}"
        self._add(place, source, lambda name: CommandCheck.model_validate({"name": name, **_said(keys)}), test.name)

    def _existence(self, place: str, test: FileExistenceTest) -> None:
        keys: dict[str, Any] = {"exists": test.should_exist, "substitute": "$" in test.path}
        if test.should_exist:
            keys |= {"owner": test.uid} if test.uid >= 0 else {}
            keys |= {"group": test.gid} if test.gid >= 0 else {}
            keys |= {"executable_by": test.is_executable_by} if test.is_executable_by else {}
            if test.permissions and (read := permissions(test.permissions)):
                keys |= read
            elif test.permissions:
                self.notes.append(f"{place}.permissions = {test.permissions!r}: no file in an image is written so")
        path = _replaced(test.path, self.globals)
        self._file(place, f"File Existence Test: {test.name}", test.name, path, keys)

    def _file(self, place: str, source: str, name: str, path: str, keys: Mapping[str, Any]) -> None:
        file = path if path.startswith("/") or keys.get("substitute") else f"/{path}"
        file = re.sub(r"(?<=.)/+$", "", file)
        self._add(
            place, source, lambda title: FileCheck.model_validate({"name": title, "file": file, **_said(keys)}), name
        )

    def _setting(self, place: str, name: str, keys: Mapping[str, Any]) -> None:
        if keys["setting"] == "environment" and keys.get("key") in self.globals:
            self.notes.append(f"{place} {keys['key']}: there the test sees globalEnvVars, here the image's own alone")
        if keys["setting"] == "ports" and "/" in keys["key"]:
            self.notes.append(f"{place} {keys['key']}: there no port is found under a name with its protocol")
        self._add(
            place, "Metadata Test", lambda title: SettingCheck.model_validate({"name": title, **_said(keys)}), name
        )


def _settings(test: MetadataTest) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each fact of the configuration: the field, the check's name and its keys."""
    for field, setting in (("env_vars", "environment"), ("labels", "labels")):
        for one in getattr(test, field):
            value = {"matches" if one.is_regex else "value": one.value}
            yield to_camel(field), f"{setting} {one.key}", {"setting": setting, "key": one.key, **value}
    for one in test.unbound_env_vars:
        keys = {"setting": "environment", "key": one.key, "present": False}
        yield "unboundEnvVars", f"no environment {one.key}", keys
    for field, setting, present in (
        ("exposed_ports", "ports", True),
        ("unexposed_ports", "ports", False),
        ("volumes", "volumes", True),
        ("unmounted_volumes", "volumes", False),
    ):
        for key in getattr(test, field):
            name = f"{'no ' * (not present)}{setting} {key}"
            yield to_camel(field), name, {"setting": setting, "key": key, "present": present}
    for field, setting in (("entrypoint", "entrypoint"), ("cmd", "command")):
        if (words := getattr(test, field)) is not None:
            yield field, setting, {"setting": setting, "value": words}
    for field, setting in (("workdir", "working_directory"), ("user", "user")):
        if text := getattr(test, field):
            yield field, setting, {"setting": setting, "value": text}


def permissions(text: str) -> dict[str, Any]:
    """Return kind and mode of a file as Go writes them, for example ``drwxr-xr-x``; nothing for any other text."""
    found = PERMISSIONS.fullmatch(text)
    if found is None or not found[1]:
        return {}
    mode = sum(1 << (8 - place) for place, letter in enumerate(found[2]) if letter != "-")
    mode += sum(SPECIAL.get(letter, 0) for letter in found[1])
    kind = "directory" if "d" in found[1] else "link" if "L" in found[1] else "file"
    return {"kind": kind, "mode": f"{mode:04o}"}


def _replaced(text: str, values: Mapping[str, str]) -> str:
    """Return a text with these variables' values in place of their names."""
    for name, value in values.items():
        text = re.sub(rf"\$(?:\{{{re.escape(name)}\}}|{re.escape(name)}(?![A-Za-z0-9_]))", lambda _, it=value: it, text)  # type: ignore[misc]
    return text


def _said(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that say something: what is empty is the default."""
    return {key: value for key, value in keys.items() if value is not None and (value or value == 0 or key == "value")}
