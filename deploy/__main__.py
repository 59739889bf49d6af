"""``python -m deploy``: builds and publishes images, prints what deploys them, finds an engine."""

import argparse
import json
import os
import sys
from pathlib import Path

from deploy.errors import Exit, Problem, outside

try:
    from deploy import signals
    from deploy.artifacts import E2E_ROLES
    from deploy.project import Project, read_project
    from deploy.publish import options
except ImportError as error:
    outside("deploy", error)

# word -> what it does in a line, and more for its own help
COMMANDS = {
    "build": (
        "Builds the images of the named roles side by side.",
        "A failed build stops no other. Records go to ROLE/build.json and ROLE/build.log.",
    ),
    "publish": (
        "Publishes verified images of the named roles, each with its attestations.",
        "Each verdict has to be PASS, for that very identity, by today's contract; else none is sent.",
    ),
    "key": ("Makes a key to sign attestations with: FILE, and its public half, FILE.pub.", ""),
    "engine": (
        "Ensures that a Docker Engine with buildx answers; installs and starts one where none does.",
        "It installs on Debian as root (Ubuntu is untried), and never touches an engine that answers.",
    ),
    "engine-stop": ("Stops the engine that `engine` started.", "No other engine is stopped."),
    "matrix": ("Prints the CI matrix as JSON, from the contract.", ""),
    "stack": (
        "Prints deploy/compose.yaml as `docker stack deploy` takes it.",
        "Its volume belongs to one node: with several, add a placement constraint, or a driver that shares it.",
    ),
    "compose": (
        "Prints deploy/compose.yaml with the published images, by their digests.",
        "An image whose attestation does not hold is refused.",
    ),
    "kubernetes": (
        "Prints Kubernetes manifests from the contract, with the published images, by their digests.",
        "An image whose attestation does not hold is refused.",
    ),
    "pin": (
        "Renews the digests that the images come from, in deploy/docker/pins.toml and the Dockerfiles.",
        "It asks the registries through the engine. Build, verify and commit what it changed; torch's wheels stay.",
    ),
    "clean": (
        "Removes containers, networks and volumes that ended runs left on the engine.",
        "The engine's build cache stays; `docker builder prune` empties it.",
    ),
}

DEPLOYING = ("stack", "compose", "kubernetes")
WITH_CONTRACT = ("build", "publish", "matrix", *DEPLOYING, "pin", "clean")


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(
        allow_abbrev=False, prog="python -m deploy", description="Makes ktrdr's images. Exit codes: docs/commands.md."
    )
    commands = top.add_subparsers(dest="command", required=True)
    for word, (about, more) in COMMANDS.items():
        command = commands.add_parser(word, allow_abbrev=False, help=about, description=f"{about} {more}".rstrip())
        if word in ("build", "publish"):
            command.add_argument(
                "roles", nargs="*", metavar="ROLE", help="roles of the contract; all where none is named"
            )
        if word == "publish":
            options.add_publishing(command)
        if word == "key":
            command.add_argument("file", type=Path, metavar="FILE", help="where the private half goes")
        if word in WITH_CONTRACT:
            command.add_argument(
                "--contract",
                type=Path,
                metavar="FILE",
                help="the contract (default: KTRDR_CONTRACT, or found from here)",
            )
        if word in ("build", "publish"):
            command.add_argument(
                "--artifacts", type=Path, metavar="DIR", help="where records lie (default: artifacts/)"
            )
        if word in DEPLOYING:
            options.add_deployment(command, required=word != "stack")
        if word in ("compose", "kubernetes"):
            command.add_argument("--gpu", action="store_true", help="also the training worker on the host's GPU")
        if word == "stack":
            command.add_argument(
                "--secrets",
                action="store_true",
                help="with the shared secrets ktrdr-worker and ktrdr-client, which the Swarm has to hold:"
                " docs/security.md says how to make them",
            )
        if word == "matrix":
            command.add_argument("--together", action="store_true", help="print the roles of `e2e` instead, as words")
        if word == "clean":
            command.add_argument("--all", action="store_true", help="also remove our images, records and caches")
    return top


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command; returns its exit code."""
    if arguments.command == "matrix":
        roles = _project(arguments).contract.roles
        print(" ".join(E2E_ROLES) if arguments.together else json.dumps({"role": roles}))
        return Exit.OK
    if arguments.command in ("engine", "engine-stop"):
        from deploy.engine import bring_up  # noqa: PLC0415 - what it needs is not loaded for the other commands

        return bring_up.start() if arguments.command == "engine" else bring_up.stop()
    if arguments.command == "clean":
        from deploy import clean  # noqa: PLC0415

        return clean.clean(_project(arguments).root if arguments.all else None)  # a wrong contract removes nothing
    if arguments.command == "key":
        from deploy.publish import commands  # noqa: PLC0415

        return commands.make_key(arguments)
    project = _project(arguments)
    if arguments.command == "pin":
        from deploy.base import renew_pins  # noqa: PLC0415
        from deploy.engine import connection  # noqa: PLC0415

        return renew_pins.renew(project, connection.find_engine(), print)
    if arguments.command in ("publish", *DEPLOYING):
        from deploy.publish import commands  # noqa: PLC0415

        publishing = arguments.command == "publish"
        return (commands.publish_images if publishing else commands.print_deployment)(arguments, project)
    from deploy.build import forkserver  # noqa: PLC0415

    project.contract.select(arguments.roles)
    with forkserver.opened():  # the fork server imports while this process does
        from deploy.build.roles import build  # noqa: PLC0415
        from deploy.engine import connection  # noqa: PLC0415
        from verify.observe.disclosure import masked  # noqa: PLC0415

        return build(project, arguments.roles, connection.find_engine(), signals.Screen(), mask=masked)


def _project(arguments: argparse.Namespace) -> Project:
    artifacts = getattr(arguments, "artifacts", None)
    return read_project(arguments.contract, artifacts, environ=os.environ, directory=Path.cwd())


def main(words: list[str] | None = None) -> int:
    """Run the command line; every problem is printed without a traceback."""
    arguments = parser().parse_args(words)
    try:
        return run(arguments)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.code
    except ImportError as error:
        outside("deploy", error)
    except KeyboardInterrupt:
        return signals.interrupted()


if __name__ == "__main__":
    sys.exit(signals.program(main))
