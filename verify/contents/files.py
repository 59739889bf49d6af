"""Facts of one file of a layer: soname, digest, text of its metadata, and whether it belongs in an image.

It imports the standard library only, as all that :mod:`verify.contents.in_place` does.
"""

import hashlib
import posixpath
import re
from dataclasses import replace
from typing import IO

from verify.contents import accounts, bytecode, elf, loader_cache, secrets, time_zone
from verify.contents.raw_layer import Facts

BLOCK = 1 << 20  # bytes read at a time
SITE = re.compile(r"/(?:site|dist)-packages/")
APPLICATION = "ktrdr"  # the application's package: every file of it is compared with the checkout's
OWN = re.compile(rf"/{APPLICATION}/")
COMPILED = (".py", ".pyc")  # the ends of a source's name and of bytecode's
PACKAGES = "/var/lib/dpkg/status"
LIST = re.compile(r"/var/lib/dpkg/info/[^/]+\.list$")
COPYRIGHT = re.compile(r"/usr/share/doc/([^/]+)/copyright$")
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
HIDDEN = "/tmp"  # noqa: S108 - inside the image: the verifier's containers have a file system of their own there


def examine(path: str, size: int, stream: IO[bytes], modified: int = 0) -> tuple[bytes, Facts]:
    """Read the facts of a file of ``size`` bytes; returns its first bytes (at most elf.HEAD) and the facts.

    ``modified``: when it was written, in seconds.
    """
    head = whole = stream.read(elf.HEAD)
    text = size <= TEXT_AT_MOST and _is_text(path)
    compiled = size <= TEXT_AT_MOST and path.endswith(COMPILED)
    interpreter, source = _is_interpreter(path), _is_source(path)
    if text or interpreter or compiled:
        whole += stream.read()  # some megabytes
    digest = hashlib.sha256(whole) if source or interpreter else None

    def read(at_most: int) -> bytes:
        block = stream.read(at_most)
        if source and digest is not None:
            digest.update(block)
        return block

    found = elf.read_object(whole, read, size)
    device_code = elf.archive_has_device_code(whole, read) or elf.is_device_code(head)
    while source and read(BLOCK):
        pass
    return head, Facts(
        machine=found.machine,
        unloadable=found.unloadable,
        soname=found.soname,
        sha256=digest.hexdigest() if digest else None,
        cuda=_cuda(found) or DEVICE_CODE * device_code,
        header=bytecode.header(path, whole, modified) if compiled else None,
        text=_text(path, whole) if text else None,
    )


def renamed(facts: Facts, old: str, new: str) -> Facts | None:
    """Return what would have been read of a file under another of its names; None where that was not read."""
    digest, text, header = _is_source(new) or _is_interpreter(new), _is_text(new), new.endswith(COMPILED)
    known = _is_source(old) or _is_interpreter(old), _is_text(old), old.endswith(COMPILED)
    of_its_own = (*accounts.FILES, loader_cache.PATH, time_zone.PATH, time_zone.NAMED)
    apart = old in of_its_own or new in of_its_own or (header and old.endswith(".pyc") != new.endswith(".pyc"))
    if apart or digest > known[0] or text > known[1] or header > known[2]:
        return None
    return replace(
        facts,
        sha256=facts.sha256 if digest else None,
        header=facts.header if header else None,
        text=facts.text if text else None,
    )


def _is_interpreter(path: str) -> bool:
    directory, name = posixpath.split(path)
    return posixpath.basename(directory) == "bin" and name.startswith("python")


def _is_source(path: str) -> bool:
    return OWN.search(path) is not None or (path.endswith(".py") and SITE.search(path) is not None)


def _is_text(path: str) -> bool:
    directory, name = posixpath.split(path)
    metadata = name in ("METADATA", "RECORD", "WHEEL") and directory.endswith(".dist-info")
    metadata = metadata or is_package_text(path)
    return (
        metadata
        or name == "pyvenv.cfg"
        or name.endswith(".pth")
        or path in (*accounts.FILES, loader_cache.PATH, time_zone.PATH, time_zone.NAMED)
    )


def is_package_text(path: str) -> bool:
    """Whether a file says which Debian packages are installed, with which files, or under which licences."""
    return path == PACKAGES or COPYRIGHT.match(path) is not None or LIST.match(path) is not None


def _text(path: str, data: bytes) -> str:
    if path == loader_cache.PATH:
        return loader_cache.foreign(data)
    if path in (time_zone.PATH, time_zone.NAMED):
        return time_zone.text(path, data)
    text = data.decode("utf-8", "replace")
    return accounts.without_passwords(text) if path in accounts.FILES else secrets.without_logins(text)


def _cuda(found: elf.Object) -> str:
    """Return what in an ELF file makes it CUDA's; "" where nothing does."""
    needed = next((name for name in found.needed if CUDA.match(name)), "")
    return DEVICE_CODE if found.device_code else f"needs {needed}" * bool(needed)


def by_content(path: str, head: bytes, size: int) -> list[str]:
    """Return which secrets a file of ``size`` bytes holds that begins so: tokens, keys and certificates, PEM or DER.

    The path counts only where an installer writes from where a distribution came: an address may log somebody in.
    """
    text = secrets.plain(head)
    credentials = secrets.has_token(text) or secrets.has_login(path, text)
    kinds = ["credentials"] * credentials + [secrets.der_kind(head, size)]
    kinds += sorted(secrets.pem_kinds(text), reverse=True)
    return [kind for kind in dict.fromkeys(kinds) if kind]


def of_a_member(path: str, content: bytes) -> list[str]:
    """Return what a file within an archive is, by its name and its content."""
    return secrets.by_name(path) + by_content(path, content, len(content))
