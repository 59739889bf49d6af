"""What `publish`, `key`, `stack`, `compose` and `kubernetes` of ``python -m deploy`` run."""

import argparse
import sys
from collections.abc import Collection
from datetime import UTC, datetime

from deploy import compose, kubernetes
from deploy.contract import Contract
from deploy.errors import Exit, Problem
from deploy.project import Project
from deploy.publish import options, signing
from deploy.publish.deployed import Deployed, deployed
from deploy.publish.examined import Expected
from deploy.publish.publish import Place, Signing, publish


def publish_images(arguments: argparse.Namespace, project: Project) -> int:
    """Publish the images of the named roles."""
    from deploy.engine import connection  # noqa: PLC0415 - the other commands need no engine

    project.contract.select(arguments.roles)
    by, place = Signing.of(arguments.key, arguments.verifier), place_of(arguments)
    return publish(project, arguments.roles, place, by, engine=connection.find_engine())


def make_key(arguments: argparse.Namespace) -> int:
    """Make a key."""
    public, keyid = signing.make(arguments.file)
    print(
        f"{arguments.file} signs: keep it to yourself\n{public} checks: give it to those who deploy\nkey {keyid[:16]}"
    )
    return Exit.OK


def print_deployment(arguments: argparse.Namespace, project: Project) -> int:
    """Print what `stack`, `compose` or `kubernetes` prints, with the published images where a registry is named."""
    gpu = arguments.command != "stack" and arguments.gpu
    contract = project.contract
    if not arguments.registry:
        if arguments.command != "stack":
            wrong = f"{arguments.command} needs the registry's name: --registry is empty"
            raise Problem("reading the command line", wrong, "name it with --registry R", Exit.USAGE)
        names = (*options.EXAMINATION, "unattested")
        options.hold_none(arguments, names, "only of use with --registry R", "name the registry, or leave it out")
    found = _deployed(arguments, contract, compose.images(gpu=gpu)) if arguments.registry else {}
    published = {name: one.reference for name, one in found.items()}
    if arguments.command == "stack":
        text = compose.stack(published, secrets=arguments.secrets)
    elif arguments.command == "compose":
        text = compose.compose(published, gpu=gpu)
    else:
        healthchecks = {name: one.healthcheck for name, one in found.items() if one.healthcheck}
        text = kubernetes.manifests(contract, published, healthchecks, gpu=gpu)
    print(text, end="")
    return Exit.OK


def _deployed(arguments: argparse.Namespace, contract: Contract, names: Collection[str]) -> dict[str, Deployed]:
    known = {image.name for image in contract.images.values()}
    if unknown := [name for name in names if name not in known]:
        wrong = f"deploy/compose.yaml has {', '.join(unknown)}, and the contract has not"
        raise Problem("naming images by their digests", wrong, "name ktrdr's own contract", Exit.USAGE)
    wanted = [image for image in contract.images.values() if image.name in names]
    due, place = expected(arguments, contract), place_of(arguments)
    return deployed(wanted, place, due, complain, unattested=arguments.unattested)


def expected(arguments: argparse.Namespace, contract: Contract) -> Expected:
    """Return what attestations have to fulfil; raises Problem where the public key cannot be read (exit 2)."""
    key = signing.key_of(arguments.key) if arguments.key else None
    return Expected(contract.digest, datetime.now(UTC), arguments.most_days or options.MOST_DAYS, key)


def place_of(arguments: argparse.Namespace) -> Place:
    """Return the registry that the command line names."""
    return Place(arguments.registry, arguments.plain_http)


def complain(text: str) -> None:
    """Print a warning where it does not mix with what is printed."""
    print(text, file=sys.stderr)
