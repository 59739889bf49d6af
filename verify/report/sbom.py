"""An image's bill of materials (CycloneDX 1.6): what its layers hold beside what the lock demands.

Python distributions and Debian packages come from the layers, so that nothing is listed that is not there. Each
distribution says whether the lock demands it. Distributions that the lock demands and no layer holds are listed too. A
licence is the installed metadata's. A SHA-256 is the lock's, of the one wheel that has the installed version and tags.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from deploy.artifacts import IDENTITY
from verify.contents.model import Contents, Distribution, Package
from verify.judge.rulings.contents import same_version
from verify.report.text import one_line

MOST = 300  # characters of a name or a version
DEBIAN = "deb"
SOURCE, MISSING = "ktrdr:source", "ktrdr:missing"
BOTH, ALONE = "layers and uv.lock", "layers alone"
WHEEL, NO_HASH = "ktrdr:wheel", "ktrdr:no-hash"


def bill(
    tag: str,
    contents: Contents,
    locked: Mapping[str, str],
    requirers: Mapping[str, list[str]],
    wheels: Mapping[str, Mapping[str, str]],
) -> str:
    """Return the document as JSON: the same for the same arguments, and so without a time.

    ``locked``: distribution -> version that the lock demands of the image; ``requirers``: distribution -> who requires
    it, by the lock; ``wheels``: distribution -> file name -> SHA-256, by the lock.

    Raises:
        ValueError: it contradicts itself (see ``contradictions``).

    """
    name, _, version = tag.rpartition(":")
    image = Component(name=name or tag, version=version, type=ComponentType.CONTAINER, bom_ref=contents.identity)
    held = {distribution.name for distribution in contents.distributions}
    missing = [Property(name=MISSING, value=f"{name} {locked[name]}") for name in sorted(locked.keys() - held)]
    distributions = {
        distribution.path: _distribution(distribution, locked, wheels.get(distribution.name, {}))
        for distribution in contents.distributions
    }
    packages = [_package(package) for package in contents.packages]
    _tell_apart([*distributions.values(), *packages])
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
    text = JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
    if wrong := contradictions(json.loads(text)):
        raise ValueError(f"the bill of materials contradicts itself: {'; '.join(wrong[:5])}")
    return text


def contradictions(document: Mapping[str, Any]) -> list[str]:
    """Return where a CycloneDX document contradicts itself, which its schema, and strict validators, let pass.

    A reference belongs to one component, and each dependency is said of, and on, a component that is there.
    """
    components = [document["metadata"]["component"], *document.get("components", [])]
    listed = Counter(component.get("bom-ref") for component in components)
    wrong = [f"{reference} is {count} components" for reference, count in listed.items() if count > 1]
    for edge in document.get("dependencies", []):
        ends = [edge["ref"], *edge.get("dependsOn", [])]
        wrong += [f"{end}, in a dependency, is no component" for end in ends if end not in listed]
    said = Counter(edge["ref"] for edge in document.get("dependencies", []))
    return wrong + [f"{reference} has its dependencies {count} times" for reference, count in said.items() if count > 1]


def _tell_apart(components: Iterable[Component]) -> None:
    """Number the references of components that are called alike in everything."""
    met: Counter[str] = Counter()
    for component in components:
        reference = str(component.bom_ref)
        met[reference] += 1
        if met[reference] > 1:
            component.bom_ref.value = f"{reference}#{met[reference]}"


def _distribution(distribution: Distribution, locked: Mapping[str, str], files: Mapping[str, str]) -> Component:
    name, version = distribution.name, distribution.version
    source = BOTH if name in locked and same_version(version, locked[name]) else ALONE
    licence = _text(distribution.licence)
    licences = [LicenseFactory().make_from_string(licence)] if licence else []
    said = {"ktrdr:path": distribution.path, SOURCE: source}
    found = _component("pypi", name, version, licences=licences, said=said)
    wheel = next((file for file in files if _is_of(file, distribution)), None)
    if wheel is None:
        tags = ", ".join(distribution.tags) or "none told"
        why = f"uv.lock names no wheel of version {version} with these tags: {tags}"
        found.properties.add(Property(name=NO_HASH, value=_text(why)))
    else:
        found.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=files[wheel]))
        found.properties.add(Property(name=WHEEL, value=_text(wheel)))
    return found


def _is_of(file: str, distribution: Distribution) -> bool:
    """Tell whether a wheel is the one that was installed: of its version, with the local label, and of its tags."""
    try:
        _name, version, _build, tags = parse_wheel_filename(file)
        return version == Version(distribution.version) and sorted(map(str, tags)) == distribution.tags
    except (InvalidWheelFilename, InvalidVersion):
        return False


def _package(package: Package) -> Component:
    named = [LicenseFactory().make_with_name(_text(name)) for name in package.licences if _text(name)]
    return _component(
        DEBIAN, package.name, package.version, licences=named, said={"ktrdr:architecture": package.architecture}
    )


def _component(
    kind: str, name: str, version: str, *, licences: Iterable[License], said: Mapping[str, str]
) -> Component:
    """Return a component; its reference distinguishes two of the same name and version."""
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
    """Record which component requires which, by the lock; the image itself requires those that no component does."""
    by_name: dict[str, list[Component]] = {}
    for distribution in installed:
        by_name.setdefault(distribution.name, []).append(components[distribution.path])
    for name, some in by_name.items():
        names = {requirer.partition("[")[0].partition(" ")[0] for requirer in requirers.get(name, [])}
        found = [component for requirer in sorted(names) for component in by_name.get(requirer, [])]
        for requirer in found or [image]:
            bom.register_dependency(requirer, some)


def _text(text: str) -> str:
    return one_line(text, MOST)
