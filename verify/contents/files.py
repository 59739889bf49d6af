"""Facts of one file of a layer: soname, digest, text of its metadata, and whether it belongs in an image."""

import hashlib
import posixpath
import re
from typing import IO

from verify.contents import accounts, distributions, dpkg, elf, secrets
from verify.contents.filesystem import FileSystem
from verify.contents.model import Library, Misplaced
from verify.contents.raw_layer import NOTHING, Facts

BLOCK = 1 << 20  # bytes read at a time
TEXT_AT_MOST = 16 << 20  # bytes of a RECORD or METADATA file that are read

# Names that NVIDIA's libraries, and PyTorch's own parts that need them, have on Linux.
CUDA = re.compile(
    r"lib(cuda|cudart\w*|cudnn\w*|cublas\w*|cufft\w*|curand\w*|cusolver\w*|cusparse\w*|cufile\w*|cufilt|cupti\w*"
    r"|cudss\w*|cudla|cutensor\w*|cuinj\w*|accinj\w*|culibos|cuobjclient|nccl\w*|npp\w*|nvcomp\w*|nvcuvid|nvencode\w*"
    r"|nvidia-\w+|nvinfer\w*|nvonnxparser\w*|nvjpeg\w*|nvJitLink\w*|nvml|nvoptix|nvrtc[\w-]*|nvvm|nvToolsExt|nvtx\w*"
    r"|nvshmem\w*|nvperf\w*|nvblas|nvfatbin\w*|nvptxcompiler\w*|cudadevrt|pcsamplingutil|checkpoint|c10_cuda"
    r"|torch_cuda\w*|caffe2_nvrtc)(-[0-9a-f]{8})?[.-]"
)
DEVICE_CODE = "has code for a GPU"
TORCH = re.compile(r"lib(torch|c10)[\w-]*\.so")  # PyTorch's own libraries
BARE = re.compile(r"[^/]\.git/HEAD$")  # of a git repository without a work tree
ENVIRONMENT = re.compile(
    r"\.env(?:[._-].*|rc)?|.*\.env|env\.(?:prod|production|stag|staging|stage|dev|development|local|secrets?)"
)
TEMPLATE = re.compile(r"[._-](?:example|sample|template|tmpl|dist)$")  # of such a file, to be filled in elsewhere
HIDDEN = "/tmp"  # noqa: S108 - inside the image: the verifier's containers have a file system of their own there


def examine(path: str, size: int, stream: IO[bytes]) -> tuple[bytes, Facts]:
    """Read the facts of a file of ``size`` bytes; returns its first bytes (at most elf.HEAD) and the facts."""
    directory, name = posixpath.split(path)
    head = whole = stream.read(elf.HEAD)
    text = size <= TEXT_AT_MOST and _is_text(path)
    interpreter = posixpath.basename(directory) == "bin" and name.startswith("python")
    if text or interpreter:
        whole += stream.read()  # some megabytes
    source = name.endswith(".py") and distributions.SITE.search(path) is not None
    digest = hashlib.sha256(whole) if source or interpreter else None

    def read(at_most: int) -> bytes:
        block = stream.read(at_most)
        if source and digest is not None:
            digest.update(block)
        return block

    found = elf.read_object(whole, read)
    device_code = elf.archive_has_device_code(whole, read) or elf.is_device_code(head)
    while source and read(BLOCK):
        pass
    return head, Facts(
        library=whole.startswith(elf.MAGIC),
        soname=found.soname,
        sha256=digest.hexdigest() if digest else None,
        cuda=_cuda(found) or DEVICE_CODE * device_code,
        text=_text(path, whole) if text else None,
    )


def _is_text(path: str) -> bool:
    directory, name = posixpath.split(path)
    metadata = name in ("METADATA", "RECORD", "WHEEL") and directory.endswith(".dist-info")
    metadata = metadata or dpkg.is_package_text(path)
    return metadata or name == "pyvenv.cfg" or name.endswith(".pth") or path in accounts.FILES


def _text(path: str, data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return accounts.without_passwords(text) if path in accounts.FILES else text


def _cuda(found: elf.Object) -> str:
    """Return what in an ELF file makes it CUDA's; "" where nothing does."""
    needed = next((name for name in found.needed if CUDA.match(name)), "")
    return DEVICE_CODE if found.device_code else f"needs {needed}" * bool(needed)


def is_cuda_library(facts: Facts, path: str) -> bool:
    """Whether a file is a shared library that carries a CUDA library's soname or file name."""
    return facts.library and any(CUDA.match(name) for name in (facts.soname or "", posixpath.basename(path)))


def is_torch(path: str, facts: Facts = NOTHING) -> bool:
    """Whether a file makes the package torch, or is a library of it by its file name or soname."""
    return path.endswith("/torch/__init__.py") or any(
        TORCH.match(name) for name in (facts.soname or "", posixpath.basename(path))
    )


def cuda_libraries(system: FileSystem) -> list[Library]:
    """Return the libraries that are CUDA's by their name."""
    return [
        Library(soname=entry.facts.soname or posixpath.basename(path), path=path, bytes=entry.size)
        for path, entry in system.regular_files()
        if is_cuda_library(entry.facts, path)
    ]


def cuda_code(system: FileSystem) -> dict[str, str]:
    """Return the files that are CUDA's by their content, each with the reason."""
    return {path: entry.facts.cuda for path, entry in system.regular_files() if entry.facts.cuda}


def torch(system: FileSystem) -> list[str]:
    """Return PyTorch's files in any layer, although a later layer deletes them."""
    return sorted(
        {path for layer in system.layers for path in layer.paths if is_torch(path, layer.facts.get(path, NOTHING))}
    )


def all_misplaced(system: FileSystem, written: tuple[str, ...]) -> list[Misplaced]:
    """Return the files of all layers that do not belong there.

    That includes every path that begins with one in ``written``: the application writes there, no build does.
    """
    return [
        Misplaced(kind=kind, path=path, layer=number)  # type: ignore[arg-type]  # the kinds that misplaced() gives
        for number, layer in enumerate(system.layers)
        for kind, path in [*layer.misplaced, *(("data", path) for path in layer.paths if path.startswith(written))]
    ]


def misplaced(path: str, head: bytes, size: int | None = None) -> list[str]:
    """Return the kinds of misplaced file that a path is: by name, by PEM text in its beginning, by DER as a whole.

    ``size`` in bytes, where ``head`` is not the whole file. An editor's copy is of the same kind as its original.
    """
    path, text = secrets.original(path), secrets.plain(head)
    name = posixpath.basename(path)
    kinds = []
    if name == ".git" or BARE.search(path) or (name == "HEAD" and head.startswith(b"ref: refs/")):
        kinds.append("git")
    if ENVIRONMENT.fullmatch(name.lower()) and not TEMPLATE.search(name.lower()):
        kinds.append("environment")
    if secrets.is_named(path) or secrets.has_token(text):
        kinds.append("credentials")
    if name.endswith((".p12", ".pfx", ".ppk", ".jks", ".keystore")):
        kinds.append("private key")
    if name.endswith(".whl"):
        kinds.append("archive")
    kind = secrets.der_kind(head, len(head) if size is None else size)
    kinds += [kind] * bool(kind)
    kinds += sorted(secrets.pem_kinds(text), reverse=True)
    return list(dict.fromkeys(kinds))
