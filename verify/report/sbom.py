"""An image's bill of materials (CycloneDX 1.6): what its layers hold, said beside what the lock demands.

Python distributions and Debian packages come from the layers, so that nothing is listed that is not there; each
distribution says whether the lock knows it, and what the lock demands and no layer holds is named too.
"""

import uuid
from collections.abc import Iterable, Mapping

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.artifacts import IDENTITY
from verify.contents.model import Contents, Distribution, Package
from verify.judge.rulings.contents import same_version
from verify.report.text import one_line

MOST = 300  # characters of a name or a version
DEBIAN = "deb"
SOURCE, MISSING = "ktrdr:source", "ktrdr:missing"
BOTH, ALONE = "layers and uv.lock", "layers alone"


def bill(tag: str, contents: Contents, locked: Mapping[str, str], requirers: Mapping[str, list[str]]) -> str:
    """Return the document as JSON: the same for the same arguments, and so without a time.

    ``locked``: distribution -> version that the lock demands of the image; ``requirers``: distribution -> who requires
    it, by the lock.
    """
    name, _, version = tag.rpartition(":")
    image = Component(name=name or tag, version=version, type=ComponentType.CONTAINER, bom_ref=contents.identity)
    held = {one.name for one in contents.distributions}
    missing = [Property(name=MISSING, value=f"{one} {locked[one]}") for one in sorted(locked.keys() - held)]
    distributions = {one.path: _distribution(one, locked) for one in contents.distributions}
    packages = [_package(one) for one in contents.packages]
    bom = Bom(
        components=[*distributions.values(), *packages],
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, contents.identity),
        metadata=BomMetaData(
            component=image,
            properties=[Property(name=IDENTITY, value=contents.identity), *missing],
        ),
    )
    bom.metadata.timestamp = None  # type: ignore[assignment]  # optional in the format; the time of writing says nothing
    _connect(bom, image, contents.distributions, distributions, requirers)
    bom.register_dependency(image, packages)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _distribution(one: Distribution, locked: Mapping[str, str]) -> Component:
    source = BOTH if one.name in locked and same_version(one.version, locked[one.name]) else ALONE
    licences = [LicenseFactory().make_from_string(_text(one.licence))] if _text(one.licence) else []
    return _component("pypi", one.name, one.version, licences=licences, said={"ktrdr:path": one.path, SOURCE: source})


def _package(one: Package) -> Component:
    named = [LicenseFactory().make_with_name(_text(name)) for name in one.licences if _text(name)]
    return _component(DEBIAN, one.name, one.version, licences=named, said={"ktrdr:architecture": one.architecture})


def _component(
    kind: str, name: str, version: str, *, licences: Iterable[License], said: Mapping[str, str]
) -> Component:
    """Return a component; its reference tells apart what lies in an image twice."""
    name, version = _text(name) or "unnamed", _text(version)
    named = name if name.strip(" /") else "unnamed"  # a package URL loses what is at the ends of a name
    return Component(
        name=name,
        version=version,
        bom_ref=f"{kind}:{name}@{version}:{'|'.join(map(_text, said.values()))}",
        purl=PackageURL(kind, "debian" if kind == DEBIAN else None, named, version or None),
        licenses=licences,
        properties=[Property(name=key, value=_text(value)) for key, value in said.items()],
    )


def _connect(
    bom: Bom,
    image: Component,
    installed: Iterable[Distribution],
    components: Mapping[str, Component],
    requirers: Mapping[str, list[str]],
) -> None:
    """Say which component requires which, by the lock; what nothing in the image requires, the image itself does."""
    by_name: dict[str, list[Component]] = {}
    for one in installed:
        by_name.setdefault(one.name, []).append(components[one.path])
    for name, some in by_name.items():
        names = {requirer.partition("[")[0].partition(" ")[0] for requirer in requirers.get(name, [])}
        found = [component for requirer in sorted(names) for component in by_name.get(requirer, [])]
        for requirer in found or [image]:
            bom.register_dependency(requirer, some)


def _text(text: str) -> str:
    return one_line(text, MOST)
