"""What one layer of an image holds, before it is known where in the image the layer lies."""

from dataclasses import dataclass, field

from verify.contents import files


class UnreadableArchive(Exception):
    """The engine's export is cut off or is no image archive."""


Rights = tuple[int, int, int]  # owner, group, mode


@dataclass
class RawLayer:
    """What one layer's archive holds, before it is known where in the image the layer lies."""

    sizes: dict[str, int] = field(default_factory=dict)  # regular files, path -> bytes
    links: dict[str, str] = field(default_factory=dict)  # symbolic links, path -> target
    hard: dict[str, str] = field(default_factory=dict)  # hard links, path -> path
    directories: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)  # whiteouts
    emptied: list[str] = field(default_factory=list)  # opaque directories
    facts: dict[str, files.Facts] = field(default_factory=dict)
    leftovers: list[tuple[str, str]] = field(default_factory=list)
    privileged: list[str] = field(default_factory=list)  # files that give rights: setuid, setgid, capabilities
    rights: dict[str, Rights] = field(default_factory=dict)  # where not root's to write, and everybody's to read
