"""What an image's layers hold: facts read from the layers themselves, never by asking the image.

Contents depend on the image's identity (the README's glossary) and on the directories that the contract calls
writable. They may be kept by both.
"""

from collections.abc import Iterable, Mapping, Sequence

from deploy.image_config import ImageConfig
from verify.contents import (
    accounts,
    broken,
    distributions,
    dpkg,
    hooks,
    owners,
    permissions,
    programs,
    spoilt,
    unwanted,
)
from verify.contents.filesystem import FileSystem
from verify.contents.model import Contents, Layer
from verify.contents.raw_layer import RawLayer, UnreadableArchive


def inventory(known: Mapping[str, RawLayer], config: ImageConfig, writable: Iterable[str] = ()) -> Contents:
    """Return the contents of an image with this configuration, given its layers by diff id.

    Every file in a ``writable`` directory counts as left over from a run.

    Raises:
        UnreadableArchive: one of the image's layers is not among them.

    """
    system = FileSystem.of(_in_order(known, config.layers))
    installed, owner = distributions.read(system.texts)
    working_directory = system.follow(config.working_directory or "/")
    user = accounts.numbers(config.user or "0", system.texts)
    written = _prefixes(system, writable)
    started = hooks.hooks(system, owner)
    sources = owners.application(system, installed, started)
    python = programs.interpreter(system, config.path.split(":"))
    return Contents(
        identity=config.identity,
        layers=_layers(system, config.layers, owner),
        distributions=distributions.described(system, installed),
        absent=distributions.absent(system, installed),
        altered=distributions.altered(system, installed),
        broken=broken.broken(system, system.merged[python.path].facts.machine if python else None),
        uncompiled=distributions.uncompiled(system, owner, sources),
        others=owners.others(system, distributions.owned(system, installed), sources),
        application=sources,
        cuda_libraries=unwanted.cuda_libraries(system),
        cuda_code=unwanted.cuda_code(system),
        torch=unwanted.torch(system),
        leftovers=unwanted.all_misplaced(system),
        interpreter=python,
        working_directory=working_directory,
        hooks=started,
        environments=hooks.environments(system),
        packages=dpkg.read(system),
        spoilt=spoilt.spoilt(system),
        accounts=accounts.faults(system, config.user or "0"),
        groups=accounts.groups(system, config.user or "0"),
        privileged=permissions.privileged(system),
        writable=permissions.writable(system, user, written),
        unreadable=permissions.unreadable(
            system, user, {*owner, working_directory, *system.below(working_directory), *_open(system)}
        ),
    )


def _in_order(known: Mapping[str, RawLayer], diff_ids: Sequence[str]) -> list[RawLayer]:
    if lacking := [diff_id for diff_id in diff_ids if diff_id not in known]:
        raise UnreadableArchive(f"the exported archive lacks {len(lacking)} of the image's layers: {lacking[0]}")
    return [known[diff_id] for diff_id in diff_ids]


def _prefixes(system: FileSystem, directories: Iterable[str]) -> tuple[str, ...]:
    """Return what the paths in these directories begin with, as written and with links followed."""
    return tuple({f"{path}/" for directory in directories for path in (directory, system.follow(directory))})


def _layers(system: FileSystem, diff_ids: Iterable[str], owner: Mapping[str, str]) -> list[Layer]:
    return [
        Layer(
            diff_id=diff_id,
            listing=layer.listing,
            unpacked_bytes=sum(layer.sizes.values()),
            repeated_bytes=replaced.repeated_bytes,
            replaced=replaced.gone,
            files=len(layer.sizes),
            by_distribution=distributions.bytes_by_owner(layer.sizes, owner),
            way=layer.way,
        )
        for layer, diff_id, replaced in zip(system.layers, diff_ids, system.replaced, strict=True)
    ]


def _open(system: FileSystem) -> set[str]:
    """Return the directories that everybody may search in the lowest layer."""
    return {path for layer in system.layers[:1] for path in layer.directories - layer.permissions.keys()}
