"""PyTorch and CUDA: the torch specification, and its extensions (silent CUDA, real torch)."""

import math
import re

from deploy.faults import Faults
from verify.judge.case import Case, Evidence, NotSeen, Ruling, rule, skip
from verify.judge.rulings.contents import listed, same_version
from verify.observe.probe_reports import WorkerTried

PRODUCT = [[19.0, 22.0], [43.0, 50.0]]  # [[1 2] [3 4]] · [[5 6] [7 8]]
GRADIENT = 12.0  # of x³ at 2
VERSION = re.compile(r"\d+\.\d+(\.\d+)?\S*")


def torch(case: Case) -> Ruling:
    """Import torch: it is there, or raises ModuleNotFoundError for the name torch."""
    demanded, faults, good = case.image.torch != "absent", Evidence(), ""
    evidence: dict[str, str | None] = {}
    with faults.source():
        seen = case.pytorch
        error = "" if seen.imported else f"{seen.error_type}: {seen.error_message}"
        evidence |= {"version": seen.version, "file": seen.file, "error": error}
        good = error or f"torch {seen.version}"
        absent = (seen.error_type, seen.missing) == ("ModuleNotFoundError", "torch")
        faults.add(seen.imported and not demanded, f"torch {seen.version} from {seen.file}")
        faults.add(error and (demanded or not absent), error)
    with faults.source():
        held = [distribution.path for distribution in case.contents.distributions if distribution.name == "torch"]
        within = tuple(f"{path.rpartition('/')[0]}/torch/" for path in held)
        held += case.contents.torch
        faults.add(held and not demanded, f"in the layers: {listed(held)}")
        faults.add(demanded and not within, "the layers hold no distribution of torch")
        seen = case.pytorch
        elsewhere = demanded and seen.imported and not (seen.file or "").startswith(within or ("no directory",))
        faults.add(elsewhere, f"torch {seen.version} from {seen.file}, not from its distribution")
    expected = "torch can be imported, from its own distribution"
    return faults.rule(expected if demanded else "ModuleNotFoundError: No module named 'torch'", good, **evidence)


def torch_version(case: Case) -> Ruling:
    """The version is valid, and module, metadata and lock agree on it."""
    if case.image.torch == "absent":
        return skip("no torch expected")
    seen, locked = case.pytorch, case.locked.get("torch", "")
    if not seen.imported:
        return rule(False, f"torch {locked}", f"{seen.error_type}: {seen.error_message}")
    faults = Faults()
    faults.add(not VERSION.fullmatch(seen.version), f"{seen.version!r} is no version")
    agree = seen.metadata_version is not None and same_version(seen.metadata_version, seen.version)
    faults.add(not agree, f"the module says {seen.version}, its metadata {seen.metadata_version}")
    faults.add(not same_version(seen.version, locked), f"the lock says {locked}")
    return rule(not faults, f"torch {locked}, in module and metadata", "; ".join(faults) or seen.version)


def torch_build(case: Case) -> Ruling:
    """The build is one of the contract's, and for nothing else; the GPU image's has code for the contract's GPUs."""
    if case.image.torch == "absent":
        return skip("no torch expected")
    seen = case.pytorch
    if not seen.imported:
        return rule(False, "an importable torch", f"{seen.error_type}: {seen.error_message}")
    label, due = seen.version.partition("+")[2], case.image.torch_builds
    built_for = ", ".join(f"{name} {version}" for name, version in seen.builds.items())
    found = f"torch {seen.version}: built for {built_for or 'the CPU only'}"
    made = set(seen.builds) == ({"cuda"} if case.image.torch == "cuda" else set())
    expected = f"torch's build +{' or +'.join(due)}, for {'CUDA' if case.image.torch == 'cuda' else 'the CPU'} only"
    if not made or label not in due or case.image.torch == "cpu":
        return rule(made and label in due, expected, found)
    demanded, served = case.image.gpu_architectures, seen.gpu_architectures
    expected += f", with code for {', '.join(demanded)}"
    if not served.ok:
        return rule(False, expected, f"{found}, and which GPUs it has code for is unknown: {served.error}")
    missing = [one for one in demanded if one not in served.names]
    found += f" for {', '.join(served.names) or 'no GPU'}"
    return rule(not missing, expected, found + f"; none for {', '.join(missing)}" * bool(missing))


def torch_works(case: Case) -> Ruling:
    """What torch computes is right: a product, a gradient, a step that lowers the loss, weights that survive a file."""
    if case.image.torch == "absent":
        return skip("no torch expected")
    seen = case.pytorch
    if not seen.imported:
        return rule(False, "an importable torch", f"{seen.error_type}: {seen.error_message}")
    faults = Faults()
    for name in ("tensor", "autograd", "save_and_load"):
        tried = getattr(seen, name)
        faults.add(not tried.ok, f"{name.replace('_', ' ')}: {tried.error}")
    if not faults:
        gradient, losses = seen.autograd.gradient, seen.autograd.losses
        faults.add(seen.tensor.product != PRODUCT, f"the matrix product is {seen.tensor.product}")
        right = gradient is not None and math.isclose(gradient, GRADIENT)
        faults.add(not right, f"the gradient of x³ at 2 is {gradient}")
        lower = len(losses) == 2 and losses[1] < losses[0]  # noqa: PLR2004 - before and after one step
        faults.add(not lower, f"a step down the gradient took the loss from {losses}")
        faults.add(not seen.save_and_load.same, "weights were different after a round trip through a file")
    tracebacks = [tried.traceback for tried in (seen.tensor, seen.autograd, seen.save_and_load) if tried.traceback]
    found = "; ".join(faults) or f"imported in {seen.import_seconds} s, all correct"
    return rule(not faults, "a tensor operation, an autograd step, save and load", found, tracebacks=tracebacks)


def cuda_runtime(case: Case) -> Ruling:
    """Never available in a CPU image; in the GPU image it depends on the host, and is UNVERIFIED without a GPU."""
    if case.image.torch == "absent":
        return skip("no torch expected")
    seen = case.pytorch
    if not seen.imported:
        return rule(False, "an importable torch", f"{seen.error_type}: {seen.error_message}")
    if not seen.cuda_available.ok or seen.cuda_available.value is None:
        return rule(False, "torch.cuda.is_available() answers", seen.cuda_available.error)
    available = seen.cuda_available.value
    found = f"torch.cuda.is_available() is {available}"
    if case.image.torch == "cpu":
        return rule(not available, "torch.cuda.is_available() is False", found)
    if available:
        return rule(True, "depends on the host", found)
    return Ruling("UNVERIFIED", "depends on the host", f"{found}: no GPU in this container", category="ENVIRONMENT")


def worker_types(case: Case) -> Ruling:
    """Every worker type of the contract does a piece of its work, and starts as what it is."""
    if not (kinds := case.image.worker_types):
        return skip("the contract names no worker type for it")
    expected = f"a worker of each type does its work and starts: {', '.join(kinds)}"
    seen = case.pytorch
    if not seen.imported:
        return rule(False, expected, f"{seen.error_type}: {seen.error_message}")
    faults, tracebacks, unseen = Faults(), list[str](), list[str]()
    for kind in kinds:
        tried = seen.workers.get(kind, WorkerTried())
        for what, ended in (("its work fails", tried.work), ("it does not start", tried.start)):
            faults.add(ended and not ended.ok, f"{kind}: {what}: {ended.error if ended else ''}")
            tracebacks += [ended.traceback] if ended and ended.traceback else []
        said = tried.start.names if tried.start and tried.start.ok else [kind]
        faults.add(said != [kind], f"{kind}: it says that it is {', '.join(said) or 'nothing'}")
        unseen += [kind] if None in (tried.work, tried.start) else []
    if unseen and not faults:
        raise NotSeen(f"nothing came of {', '.join(unseen)} in time", "")
    return rule(not faults, expected, "; ".join(faults) or "each does", tracebacks=tracebacks)


RULINGS = {
    "torch": torch,
    "torch-version": torch_version,
    "torch-build": torch_build,
    "torch-works": torch_works,
    "cuda-runtime": cuda_runtime,
    "worker-types": worker_types,
}
