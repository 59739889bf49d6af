"""The contents of an image as values: what ``contents.json`` holds."""

from typing import Literal

from pydantic import Field

from deploy.artifacts import Model
from verify.contents.raw_layer import Way


class Layer(Model):
    """One layer. ``unpacked_bytes``: the sum of its regular files' sizes, hard links once (OCI image layer)."""

    diff_id: str
    listing: str  # a digest of its entries, in whatever order the engine packs them
    unpacked_bytes: int
    repeated_bytes: int  # of files that an earlier layer held already: paid for twice
    files: int
    by_distribution: dict[str, int]  # normalized name -> bytes; "" for what no distribution owns
    # What programs read of earlier layers and this one writes again or removes: path -> layer; the first REPLACED_KEPT
    replaced: dict[str, int]
    way: Way = "export"  # how the layer was read; the only way there was before this key


class Distribution(Model):
    """One installed Python distribution (PyPA, recording installed projects)."""

    name: str  # normalized (PyPA, names and normalization)
    version: str
    path: str  # of its .dist-info directory
    layer: int
    licence: str = ""  # in the words of its metadata
    record: str = ""  # digest of what its RECORD says of its wheel's files
    tags: list[str] = Field(default_factory=list)  # of the wheel that it came in, such as py3-none-any


class Package(Model):
    """One installed Debian package."""

    name: str
    version: str
    architecture: str
    layer: int
    licences: list[str]  # short names, where its copyright file is machine-readable


class Library(Model):
    """A CUDA shared library: its soname from the ELF file, or the file's name where it has none."""

    soname: str
    path: str
    bytes: int


class Interpreter(Model):
    """What ``python`` is on the image's PATH, links followed."""

    path: str
    layer: int
    sha256: str
    machine: str = ""  # that its ELF header names, in the words of uname(2)


class Hook(Model):
    """A file above the lowest layer that changes what every process does: a process may lie about itself."""

    path: str
    layer: int
    distribution: str  # its owner; "" for none
    text: str = ""  # of a .pth file, whose lines are run or searched; "" where it is longer than hooks.TEXT_KEPT
    # Where the searched lines of a .pth file lead to, links followed
    leads: list[str] = Field(default_factory=list)


class Broken(Model):
    """A file above the lowest layer that is not what it seems: bytecode of another source, an ELF file cut off."""

    path: str
    layer: int
    why: str


class Misplaced(Model):
    """What a file holds and no image should, in any layer. It counts although a later layer deletes it."""

    kind: Literal[
        "private key", "certificate", "credentials", "archive", "whiteout", "access control list", "path too long",
        "git", "environment", "named like credentials",  # of a file within an archive, by its name
    ]  # fmt: skip
    path: str
    layer: int


# A program is a file, or a second name of one, that somebody may execute. A pipe counts as a device.
OtherKind = Literal["file", "program", "hard link", "link", "device", "directory"]


class Other(Model):
    """A path above the lowest layer that neither a Python distribution nor the application's package holds."""

    path: str
    kind: OtherKind
    layer: int
    bytes: int = 0
    target: str = ""  # of a link
    top: str  # the highest directory above it that holds nothing else, or the one that it lies in
    package: str = ""  # the Debian package whose list has it
    gone: bool = False  # a later layer removes or replaces it


class Contents(Model):
    """Everything read from the layers of one image."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    identity: str
    layers: list[Layer]
    distributions: list[Distribution]
    cuda_libraries: list[Library]  # by name
    cuda_code: dict[str, str]  # path of a file that is CUDA's by its content, whatever its name -> why
    interpreter: Interpreter | None
    working_directory: str  # where processes start, links followed
    leftovers: list[Misplaced]
    hooks: list[Hook]
    environments: dict[str, str]  # path of each pyvenv.cfg -> its text, "" where it was not kept
    packages: list[Package]  # of the Linux distribution that the base image is made from
    # Files that are setuid or setgid, or have capabilities: path -> layer
    privileged: dict[str, int]
    absent: dict[str, list[str]]  # path of a .dist-info directory -> what its RECORD lists and no layer holds
    # Files above the lowest layer whose size, or as Python sources whose digest, is not RECORD's: path -> layer
    altered: dict[str, int]
    broken: list[Broken]
    uncompiled: dict[str, int]  # distribution without bytecode -> layer
    others: list[Other]
    application: dict[str, dict[str, str]]  # directory of the application's package -> path below it -> SHA-256
    torch: list[str]  # PyTorch's files by path or soname, in any layer, although a later layer deletes them
    # What later layers take of the lowest one or make untrue, with the reason in brackets -> layer
    spoilt: dict[str, int]
    accounts: list[str]  # what opens an account of the image to everybody
    groups: dict[str, int]  # the system's groups that the user is in: name -> the lowest layer that knows it
    # Paths above the lowest layer that the user may write and is not meant to: path -> layer; permissions.KEPT at most
    writable: dict[str, int]
    # Files of distributions, and where processes start, that the user may not read, likewise
    unreadable: dict[str, int]

    @property
    def unpacked_bytes(self) -> int:
        """The sum over all layers."""
        return sum(layer.unpacked_bytes for layer in self.layers)

    def added_bytes(self, base_layers: int) -> int:
        """Unpacked bytes above the base image's layers."""
        return sum(layer.unpacked_bytes for layer in self.layers[base_layers:])
