"""``python -m deploy``: engine, engine-stop, build, attach, matrix, stack, clean."""

import argparse
import json
import sys
from pathlib import Path

from deploy.errors import Exit, Problem, outside

try:
    from deploy import contract, signals
    from deploy.artifacts import E2E_ROLES, Artifacts
except ImportError as error:
    outside("deploy", error)


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(
        allow_abbrev=False, prog="python -m deploy", description="Makes ktrdr's images. Exit codes: docs/commands.md."
    )
    commands = top.add_subparsers(dest="command", required=True)
    build = commands.add_parser(
        "build", allow_abbrev=False, help="build the images of the named roles, all where none is named"
    )
    build.add_argument("roles", nargs="*", metavar="ROLE")
    build.add_argument("--artifacts", type=Path, metavar="DIR", help="where records go (default: artifacts/)")
    beside = commands.add_parser(
        "attach", allow_abbrev=False, help="put a role's bill of materials beside its image in a registry"
    )
    beside.add_argument("role", metavar="ROLE")
    beside.add_argument("image", metavar="IMAGE", help="as it was pushed: registry.example/name:tag")
    beside.add_argument("--plain-http", action="store_true", help="the registry speaks no HTTPS")
    beside.add_argument("--artifacts", type=Path, metavar="DIR", help="where records lie (default: artifacts/)")
    commands.add_parser(
        "engine",
        allow_abbrev=False,
        help="make sure that a Docker Engine with buildx answers; start one where none does",
    )
    commands.add_parser("engine-stop", allow_abbrev=False, help="stop the engine that `engine` started")
    matrix = commands.add_parser("matrix", allow_abbrev=False, help="print the CI matrix as JSON, from the contract")
    matrix.add_argument("--together", action="store_true", help="the roles of `e2e` instead, with spaces between them")
    commands.add_parser(
        "stack",
        allow_abbrev=False,
        help="print deploy/compose.yaml as `docker stack deploy` takes it",
        description="Prints deploy/compose.yaml as `docker stack deploy` takes it. The volume with bars and models is"
        " one node's own: where there are several, give the backend a placement constraint, or the volume a driver that"
        " shares it; a backend that moves begins with nothing.",
    )
    clean = commands.add_parser(
        "clean", allow_abbrev=False, help="remove containers, networks and volumes that ended runs left"
    )
    clean.add_argument("--all", action="store_true", help="the built images, artifacts and caches too")
    return top


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command; returns its exit code."""
    if arguments.command == "matrix":
        roles = contract.read_contract().roles
        print(" ".join(E2E_ROLES) if arguments.together else json.dumps({"role": roles}))
        return Exit.OK
    if arguments.command == "stack":
        from deploy import compose  # noqa: PLC0415 - what it needs is not loaded for the other commands

        print(compose.stack(), end="")
        return Exit.OK
    if arguments.command in ("engine", "engine-stop"):
        from deploy.engine import bring_up  # noqa: PLC0415 - what it needs is not loaded for the other commands

        return bring_up.start() if arguments.command == "engine" else bring_up.stop()
    if arguments.command == "clean":
        from deploy import clean  # noqa: PLC0415

        return clean.clean(everything=arguments.all)
    known = contract.read_contract()
    if arguments.command == "attach":
        from deploy.publish import attach  # noqa: PLC0415

        (image,) = known.select([arguments.role])
        place = Artifacts(arguments.artifacts)
        return attach.attach(image.role, arguments.image, place, plain_http=arguments.plain_http)
    from deploy.build import forkserver  # noqa: PLC0415

    known.select(arguments.roles)
    with forkserver.opened():  # the fork server imports while this process does
        from deploy.build.roles import build  # noqa: PLC0415
        from deploy.engine import connection  # noqa: PLC0415

        artifacts, console = Artifacts(arguments.artifacts), signals.Screen()
        return build(known, arguments.roles, connection.find_engine(), artifacts, console)


def main() -> int:
    """Run the command line; every problem is printed without a traceback."""
    arguments = parser().parse_args()
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
