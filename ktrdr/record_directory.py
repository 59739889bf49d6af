"""The records of backtests on the backend's disk: files that arrive completely or not at all."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ktrdr.disk import Arriving, sweep
from ktrdr.errors import NotFoundError
from ktrdr.names import is_name
from ktrdr.records import BLOCK, KINDS, Check, Kind

PREFIX: Final = ".record-"
ENDING: Final = ".csv.gz"


class RecordDirectory:
    """The directory of records, a file `{operation_id}.{kind}.csv.gz` each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def operations(self) -> set[str]:
        """Return the ids of the operations that have records."""
        return {path.name.removesuffix(ENDING).rpartition(".")[0] for path in self.root.glob(f"[!.]*{ENDING}")}

    def blocks(self, operation_id: str, kind: Kind) -> Iterator[bytes]:
        """Return a record's CSV in blocks; NotFoundError if there is none."""
        try:
            file = gzip.open(self._path(operation_id, kind), "rb")  # noqa: SIM115  the generator closes it
        except FileNotFoundError:
            message = (
                f"No {kind} of {operation_id} are kept: only backtests have some, and those of earlier versions"
                " had the first 500 trades and 1,000 points in their results. Run the backtest again."
            )
            raise NotFoundError("no_record", message, {"operation_id": operation_id}) from None
        return _blocks(file)

    def incoming(self, operation_id: str, kind: Kind) -> "IncomingRecord":
        """Return a place for a record that arrives."""
        return IncomingRecord(self._path(operation_id, kind), kind)

    def remove(self, operation_ids: Iterable[str]) -> None:
        """Remove the records of operations that have some."""
        for operation_id in operation_ids:
            for kind in KINDS:
                self._path(operation_id, kind).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the files of uploads whose process died."""
        sweep(self.root, PREFIX)

    def _path(self, operation_id: str, kind: Kind) -> Path:
        if not is_name(operation_id):
            raise NotFoundError("no_operation", f"No operation {operation_id[:100]}.")
        return self.root / f"{operation_id}.{kind}{ENDING}"


class IncomingRecord(Arriving):
    """A record on its way to the disk: feed it chunks, then `finish`. A context manager, which keeps all or none.

    InvalidError for what is no record, OSError for a failing disk. A record that is sent again replaces the first.
    """

    def __init__(self, target: Path, kind: Kind) -> None:
        super().__init__(target.parent, PREFIX)
        self._target = target
        self._check = Check(kind)

    def feed(self, chunk: bytes) -> None:
        """Accept the next bytes."""
        self._check.feed(chunk)
        self.file.write(chunk)

    def finish(self) -> None:
        """Make it the record, if it is complete."""
        self._check.finish()
        self.place(self._target)


def _blocks(file: gzip.GzipFile) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block
