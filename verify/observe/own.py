"""Looks at what the contract's own checks ask for: commands in containers, and files as the engine hands them over."""

import contextlib
import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound

from deploy.contract import Image
from deploy.engine import connection as engines
from deploy.engine.connection import ENGINE_ERRORS, Engine
from deploy.engine.runs import Run
from deploy.image_config import ImageConfig
from deploy.own_checks import CommandCheck, FileCheck, OwnChecks, expression
from verify.contents.archive import Stream
from verify.observe import containers
from verify.observe.disclosure import masked
from verify.observe.model import FLOODED, CommandSeen, FileSeen, OwnSeen
from verify.observe.refusal import reason

# Go's os.Expand: a name, a name in braces, or one of the shell's special characters
VARIABLE = re.compile(r"\$(?:\{([^}]+)\}|([A-Za-z_][A-Za-z0-9_]*)|([*#$@!?0-9-]))")
ANSWER = 60.0  # seconds for one answer of the engine: of many containers, one is late sooner or later
KEPT = 2000  # characters of what a command prints
READ = 8 * KEPT  # characters of it in which secrets are looked for: one at the end of what is kept is found whole
CONTENT_AT_MOST = 16 << 20  # bytes of a file
LISTED_AT_MOST = 1 << 30  # bytes of a directory's archive, of which the names are read
IS_DIRECTORY = 1 << 31  # Go's bit for one (io/fs, ModeDir)
BLOCK = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where one image's checks run: an engine, the names and labels of what is made there, and what may be written."""

    client: DockerClient
    gate: containers.Gate
    config: ImageConfig
    name: str  # of its containers, without their number
    labels: Mapping[str, str]
    writable: tuple[str, ...]

    @contextlib.contextmanager
    def container(self, image_id: str, name: str, **more: Any) -> Iterator[str]:
        """Make a container that is removed whatever happens; yields its id."""
        with self.gate.passing():
            made = self.client.api.create_container(
                image_id, name=f"{self.name}-{name}", labels=dict(self.labels), healthcheck=containers.NO_HEALTHCHECK,
                use_config_proxy=False, **more,
            )  # fmt: skip
        try:
            yield str(made["Id"])
        finally:
            containers.remove(self.client, made["Id"])


def observe(
    engine: Engine, run: Run, gate: containers.Gate, image: Image, config: ImageConfig, *, checks: OwnChecks
) -> OwnSeen | None:
    """Look at what the contract's own checks of an image ask for; None where it has none."""
    if not checks:
        return None
    try:
        with contextlib.closing(engines.sdk(engine, timeout=ANSWER)) as client:
            name, writable = run.name(f"{image.role}-own"), tuple(image.writable)
            return look(Place(client, gate, config, name, run.labels, writable), checks)
    except ENGINE_ERRORS as error:
        return OwnSeen(errors={check.name: reason(error) for check in checks})


def look(place: Place, checks: OwnChecks) -> OwnSeen:
    """Return what is seen for each check, one after another; what fails for one is told of that one alone."""
    seen = OwnSeen()
    with contextlib.ExitStack() as stack:
        files = ""
        for number, check in enumerate(checks):
            try:
                if isinstance(check, CommandCheck):
                    seen.commands[check.name] = _command(place, check, f"{number}")
                elif isinstance(check, FileCheck):
                    host = containers.host_config(place.client, labels=dict(place.labels), writable=())
                    files = files or stack.enter_context(
                        place.container(place.config.image_id, "files", entrypoint=["never started"], host_config=host)
                    )
                    seen.files[check.name] = _files(place, check, files)
            except ENGINE_ERRORS as error:
                seen.errors[check.name] = reason(error)
    return seen


def substituted(text: str, environment: Mapping[str, str]) -> str:
    """Return a text with the values of the variables that it names, as os.Expand of Go has it; "" for unknown ones."""
    return VARIABLE.sub(lambda found: environment.get(found[1] or found[2] or found[3], ""), text)


def environment_of(check: CommandCheck, config: ImageConfig) -> dict[str, str]:
    """Return the image's variables with the check's own, each of which may name earlier ones."""
    environment = dict(config.environment)
    for name, value in check.environment.items():
        environment[name] = substituted(value, environment)
    return environment


def _command(place: Place, check: CommandCheck, number: str) -> CommandSeen:
    """Run the setup commands, each on what the one before it left, then the command."""
    environment, image_id = environment_of(check, place.config), place.config.image_id
    with contextlib.ExitStack() as made:
        for step, words in enumerate([*check.setup, check.command]):
            command = [substituted(word, environment) if check.substitute else word for word in words]
            host = containers.host_config(
                place.client,
                labels=dict(place.labels),
                writable=() if check.root_is_writable else place.writable,
                writable_root=check.root_is_writable,
            )
            own = {name: environment[name] for name in check.environment}
            with place.container(
                image_id, f"{number}-{step}", entrypoint=command, user=check.user, environment=own, host_config=host
            ) as container_id:
                seen = _run(place.client, container_id, check)
                refused = _as_written(seen.refused, command[0], words[0])
                seen = seen.model_copy(update={"image_id": image_id, "refused": refused})
                if step == len(check.setup):
                    return seen
                if why := _wrong(seen):
                    return seen.model_copy(update={"setup": _kept(f"{' '.join(words)}: {why}")})
                image_id = _keep(place.client, container_id, made)
    raise AssertionError("a check has a command")


def _wrong(seen: CommandSeen) -> str:
    """Return how a setup command failed; "" where it did not."""
    code = seen.proof.exit_code if seen.proof else None
    if seen.flooded:
        return FLOODED
    if seen.refused or seen.late:
        return seen.refused or "it did not end in time"
    return f"it ended with {code}" if code else ""


def _as_written(text: str, put: str, word: str) -> str:
    """Return a text in which a word stands as it is written, not with a variable's value, which may be a secret."""
    return text.replace(put, word) if put else text


def _kept(text: str) -> str:
    """Return the beginning of a text without its secrets: what is cut first may be no secret to be known any more."""
    return masked("", text[:READ])[:KEPT]


def _run(client: DockerClient, container_id: str, check: CommandCheck) -> CommandSeen:
    """Run a command to its end; an engine that starts no container says why, which is the image's answer, too."""
    try:
        printed, late = containers.run(client, container_id, check.within)
    except APIError as refusal:
        return CommandSeen(refused=reason(refusal))
    texts = {"stdout": printed.stdout.decode("utf-8", "replace"), "stderr": printed.stderr.decode("utf-8", "replace")}
    wanted = {"stdout": (*check.stdout, *check.stdout_not), "stderr": (*check.stderr, *check.stderr_not)}
    return CommandSeen(
        proof=containers.proof(client, container_id),
        late=late,
        flooded=printed.flooded,
        found={stream: found_in(text, wanted[stream]) for stream, text in texts.items()},
        **{stream: _kept(text) for stream, text in texts.items()},
    )


def found_in(text: str, expressions: Iterable[str]) -> list[str]:
    """Return which of these expressions are found in a text."""
    return [one for one in dict.fromkeys(expressions) if expression(one).search(text) is not None]


def _keep(client: DockerClient, container_id: str, made: contextlib.ExitStack) -> str:
    """Make an image of a container, which is removed with what it is for; returns its id. It has the run's labels."""
    image_id = str(client.api.commit(container_id)["Id"])

    def remove() -> None:
        with contextlib.suppress(ImageNotFound):
            client.api.remove_image(image_id, force=True)

    made.callback(remove)
    return image_id


def _files(place: Place, check: FileCheck, container_id: str) -> list[FileSeen]:
    path = substituted(check.file, place.config.environment) if check.substitute else check.file
    path = posixpath.normpath("/" + path.lstrip("/")) if check.substitute else path
    api, before, star, after = place.client.api, *path.partition("/*/")
    paths = [path]
    if star:
        paths = [f"{before}/{name}/{after}" for name in _directories(api, container_id, before or "/")]
    return [_file(api, container_id, one, check.expressions) for one in paths]


def _archive(api: Any, container_id: str, path: str) -> tuple[Iterator[bytes], dict[str, Any]] | None:
    """Return the archive of a path and what the engine says of it; None where nothing lies there."""
    try:
        stream, said = api.get_archive(container_id, path, chunk_size=BLOCK)
    except APIError as error:
        said = str(error.explanation).lower()
        if (isinstance(error, NotFound) and "no such container" not in said) or "not a directory" in said:
            return None
        raise
    return stream, said


def _behind(api: Any, container_id: str, path: str) -> tuple[str, tuple[Iterator[bytes], dict[str, Any]] | None]:
    """Return where a path leads, and what lies there: of a link itself, the engine hands over the link alone."""
    been, handed = {path}, _archive(api, container_id, path)
    while handed and (end := str(handed[1].get("linkTarget") or "")) and end not in been:
        cast("Any", handed[0]).close()
        been.add(path := end)
        handed = _archive(api, container_id, path)
    return path, handed


@contextlib.contextmanager
def _members(stream: Iterator[bytes]) -> Iterator[tarfile.TarFile]:
    """Give the members of an archive, as far as they are read."""
    with contextlib.closing(cast("Any", stream)), tarfile.open(
        fileobj=cast("IO[bytes]", Stream(stream)), mode="r|", bufsize=tarfile.BLOCKSIZE
    ) as members:  # fmt: skip
        yield members


def _file(api: Any, container_id: str, path: str, expressions: tuple[str, ...]) -> FileSeen:
    handed = _archive(api, container_id, path)
    if handed is None:
        return FileSeen(path=path, kind="nothing")
    with _members(handed[0]) as members:
        member = members.next()
        if member is None:
            raise OSError(f"the engine handed over an empty archive of {path}")
        seen = _described(path, member)
        if not expressions:
            return seen
        if seen.kind == "file":
            return _searched(seen, members, member, expressions)
    if seen.kind != "link":
        return seen.model_copy(update={"unread": f"a {seen.kind} has none"})
    end = str(handed[1].get("linkTarget") or "")
    target = _file(api, container_id, end, expressions) if end and end != path else None
    unread = f"its link leads to {end or 'nowhere'}, where {target.unread or 'nothing lies' if target else 'it began'}"
    found = target.found if target else None
    return seen.model_copy(update={"found": found, "unread": "" if found is not None else unread})


def _described(path: str, member: tarfile.TarInfo) -> FileSeen:
    kinds = {"directory": member.isdir(), "link": member.issym(), "file": member.isreg() or member.islnk()}
    kind = next((name for name, holds in kinds.items() if holds), "other")
    owner = {"owner": member.uid, "group": member.gid, "mode": member.mode & 0o7777}
    return FileSeen.model_validate({"path": path, "kind": kind, **owner})


def _searched(
    seen: FileSeen, members: tarfile.TarFile, member: tarfile.TarInfo, expressions: tuple[str, ...]
) -> FileSeen:
    if member.size > CONTENT_AT_MOST:
        return seen.model_copy(update={"unread": f"it has {member.size:,} bytes, more than are searched"})
    content = members.extractfile(member)
    text = content.read().decode("utf-8", "replace") if content else ""
    return seen.model_copy(update={"found": found_in(text, expressions)})


def _directories(api: Any, container_id: str, path: str) -> list[str]:
    """Return the names of the directories in a directory, and of the links to some."""
    path, handed = _behind(api, container_id, path)
    if handed is None:
        return []
    names, links = set[str](), set[str]()
    with _members(handed[0]) as members:
        for member in members:
            if members.offset > LISTED_AT_MOST:
                raise OSError(f"{path} is too large to be listed")
            _, _, name = (
                posixpath.normpath(member.name).partition("/") if path != "/" else ("", "", member.name.strip("/"))
            )
            if name and "/" not in name:
                names |= {name} if member.isdir() else set()
                links |= {name} if member.issym() else set()
    for name in links:
        at = _archive(api, container_id, posixpath.join(path, name))
        end = _archive(api, container_id, at[1].get("linkTarget") or "/") if at else None
        for stream in (one[0] for one in (at, end) if one):
            cast("Any", stream).close()
        if end and end[1].get("mode", 0) & IS_DIRECTORY:
            names.add(name)
    return sorted(names)
