"""What one layer of an image holds, before it is known where in the image the layer lies."""

from dataclasses import dataclass, field
from typing import Literal


class UnreadableArchive(Exception):
    """The engine's export is cut off or is no image archive, or a layer's directory changed while it was read."""


@dataclass(frozen=True)
class Facts:
    """What was learnt of one file. A field that does not apply is None or empty."""

    machine: str | None = None  # of an ELF file or a linker's script: elf.Object.machine
    unloadable: str = ""  # of an ELF file: why no loader takes it as a shared object
    soname: str | None = None
    sha256: str | None = None  # of what may be an interpreter, of distributions' Python sources, of the application
    cuda: str = ""  # why the file is CUDA's by its content, whatever its name is; "" where it is not
    header: str | None = None  # of bytecode and Python sources: bytecode.header
    text: str | None = None  # of metadata of a distribution or a package, a .pth file, pyvenv.cfg, the accounts


NOTHING = Facts()
Permissions = tuple[int, int, int]  # owner, group, mode
Stamp = tuple[int, int, int, int]  # time of the last change in seconds, mode, owner, group
Way = Literal["export", "in place", "in place, by a container"]


@dataclass
class RawLayer:
    """The content of one layer, by path."""

    sizes: dict[str, int] = field(default_factory=dict)  # regular files, path -> bytes
    links: dict[str, str] = field(default_factory=dict)  # symbolic links, path -> target
    hard: dict[str, str] = field(default_factory=dict)  # hard links, path -> path
    directories: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)  # whiteouts
    emptied: list[str] = field(default_factory=list)  # opaque directories
    special: list[str] = field(default_factory=list)  # devices and pipes
    facts: dict[str, Facts] = field(default_factory=dict)
    misplaced: list[tuple[str, str]] = field(default_factory=list)  # what does not belong in a layer: kind, path
    privileged: list[str] = field(default_factory=list)  # files that give rights: setuid, setgid, capabilities
    executable: list[str] = field(default_factory=list)  # files that somebody may execute
    # Only where another than root may write, or somebody may not read
    permissions: dict[str, Permissions] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)  # of files and directories, until the layer is settled
    listing: str = ""  # a digest of all entries, in whatever order an engine packs them
    way: Way = field(default="export", compare=False)  # how it was read, not what it holds

    @property
    def paths(self) -> list[str]:
        """The paths of files and links, in no order that matters."""
        return [*self.sizes, *self.links, *self.hard]
