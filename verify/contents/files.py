"""What one file of a layer tells: soname, digest, text of its metadata, whether it has any business in an image."""

import hashlib
import posixpath
import re
from dataclasses import dataclass
from typing import IO

from verify.contents import accounts, distributions, dpkg, elf, secrets

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
TEMPLATE = re.compile(r"[._-](?:example|sample|template|tmpl|dist)$")  # of it, to be filled in elsewhere
ACTIVATE = "activate_this.py"  # virtualenv's and uv's, beside the scripts: it does nothing where it is imported
STARTUP = {"sitecustomize", "usercustomize"}  # modules that site imports, whatever form they have
MODULE = re.compile(r"(py|pyc|so|abi3\.so|cpython-\d+[\w-]*\.so)$")  # what comes after a module's name
HIDDEN = "/tmp"  # noqa: S108 - inside the image: the verifier's containers have a file system of their own there
STDLIB = re.compile(r"^/usr/(?:local/)?lib/python3(?:\.\d+/(?!(?:site|dist)-packages/)|\d+\.zip$)")
# What tells the loader where libraries are, and where it looks before anywhere else (ld.so(8))
LOADER = re.compile(r"/etc/ld\.so\.(?:preload|cache|conf)|.*/glibc-hwcaps/")


@dataclass(frozen=True)
class Facts:
    """What was learnt of one file; each None where it does not apply."""

    library: bool = False  # an ELF file
    soname: str | None = None
    sha256: str | None = None  # of what may be an interpreter, and of a distribution's Python sources
    cuda: str = ""  # why it is CUDA's by what is in it, whatever it is called; "" where it is not
    text: str | None = None  # of metadata of a distribution or a package, a .pth file, pyvenv.cfg, the accounts


NOTHING = Facts()


def examine(path: str, size: int, stream: IO[bytes]) -> tuple[bytes, Facts]:
    """Read what matters of a file of ``size`` bytes; returns its first bytes (at most elf.HEAD) and the facts."""
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
    metadata = name in ("METADATA", "RECORD") and directory.endswith(".dist-info")
    metadata = metadata or dpkg.is_package_text(path)
    return metadata or name == "pyvenv.cfg" or name.endswith(".pth") or path in accounts.FILES


def _text(path: str, data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return accounts.without_passwords(text) if path in accounts.FILES else text


def _cuda(found: elf.Object) -> str:
    """Return what makes an ELF file CUDA's by what is in it; "" where nothing does."""
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


def is_hook(path: str, working_directory: str, *, link: bool = False) -> bool:
    """Whether a file changes what any Python process does, or any process.

    It runs at the start (site), is loaded first (ld.so(8)), lies among the standard library, or can be imported from
    where modules are searched first: the working directory, of `python -c` and `-m`, and the directory that a script
    lies in. A ``link`` there may lead to a package.
    """
    directory, name = posixpath.split(path)
    module, _, suffix = name.partition(".")
    is_module = MODULE.match(suffix) is not None
    if not STARTUP.isdisjoint(path.split("/")) or (module in STARTUP and is_module):
        return True
    if posixpath.basename(directory) in ("site-packages", "dist-packages"):
        return name.endswith(".pth")
    if module == "__init__":  # a package; a directory without it comes after what is installed
        directory, module = posixpath.split(directory)
    shadows = is_module or (link and not suffix and not module.startswith("python"))
    of_a_script = posixpath.basename(directory) == "bin" and not distributions.SITE.search(path) and name != ACTIVATE
    if (directory == working_directory or of_a_script) and shadows and module.isidentifier():
        return True
    return LOADER.match(path) is not None or STDLIB.search(path) is not None


def leftover(path: str, head: bytes, size: int | None = None) -> list[str]:
    """Return what kinds of leftover a path is: by name, by PEM text in its beginning, and by DER from end to end.

    ``size`` in bytes, where ``head`` is not all of it. A copy that an editor keeps is known by what it is a copy of.
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
