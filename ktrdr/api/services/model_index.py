"""The models: their files on the disk, and the index of them in the store, by which they are listed and chosen."""

import json
import logging
import time
from typing import Any, Final

from ktrdr.api.store import models
from ktrdr.api.store.database import Database
from ktrdr.api.store.operations import stamp
from ktrdr.errors import InvalidError, NotFoundError
from ktrdr.json_text import COMPACT
from ktrdr.model_directory import ModelDirectory
from ktrdr.model_files import MIB

log = logging.getLogger(__name__)

REFRESH_EVERY_S: Final = 60.0
LIST_LIMIT: Final = 8 * MIB
"""The most bytes of models in one answer: a page ends there, but holds one model at least."""
DAMAGED_TRIED: Final = 20
"""If a strategy's newest model is damaged, so many older ones are tried."""


class ModelIndex:
    """Reads a model's files only if that model is asked for. The index follows the directory."""

    def __init__(self, database: Database, directory: ModelDirectory) -> None:
        self.directory = directory
        self._database = database
        self._refreshed: float | None = None
        self._damaged: dict[str, float] = {}

    def refresh(self) -> None:
        """Bring the index up to date with the directory, once a minute."""
        now = time.monotonic()
        if self._refreshed is not None and now - self._refreshed < REFRESH_EVERY_S:
            return
        with self._database.transaction() as db:
            known = models.names(db)
        found = set(self.directory.names())  # later: a model is in its directory before it is in the index
        with self._database.transaction() as db:
            for name in known - found:
                models.remove(db, name)
        for name in sorted(found - known):
            self.add(name)
        self._damaged = {name: since for name, since in self._damaged.items() if name in found}
        self._refreshed = now

    def add(self, name: str) -> None:
        """Add a model that lies in the directory; a damaged one is logged, once."""
        try:
            stored_at = self.directory.stored_at(name)
            if self._damaged.get(name) == stored_at:
                return
            strategy_name = self.directory.metadata(name)["strategy_name"]
        except NotFoundError:
            return
        except InvalidError as error:
            self._damaged[name] = stored_at
            log.warning("%s", error)
            return
        with self._database.transaction() as db:
            models.add(db, name, strategy_name, stored_at)

    def remove(self, name: str) -> None:
        """Remove a model; NotFoundError if there is none."""
        try:
            self.directory.remove(name)
        finally:
            with self._database.transaction() as db:
                models.remove(db, name)

    def describe(self, name: str) -> dict[str, Any]:
        """Return a model's description, with the time at which it was stored."""
        return {**self.directory.describe(name), "created_at": stamp(self.directory.stored_at(name))}

    def page(self, limit: int, offset: int) -> tuple[list[str], int, int | None]:
        """Return JSON texts of models, the newest first, how many there are in all, and where the next page begins.

        A damaged model is left out and hides no other.
        """
        with self._database.transaction() as db:
            names, total = models.page(db, limit, offset)
        texts: list[str] = []
        size = 0
        for place, name in enumerate(names):
            try:
                text = json.dumps(self.describe(name), separators=COMPACT)
            except (InvalidError, NotFoundError) as error:
                log.warning("%s", error)
                continue
            size += len(text)
            if texts and size > LIST_LIMIT:
                return texts, total, offset + place
            texts.append(text)
        end = offset + len(names)
        return texts, total, end if end < total else None

    def number(self, strategy_name: str) -> int:
        """Return how many stored models were trained with a strategy."""
        with self._database.transaction() as db:
            return models.number(db, strategy_name)

    def newest(self, strategy_name: str) -> str:
        """Return the name of a strategy's newest model that can be read; NotFoundError if there is none."""
        with self._database.transaction() as db:
            names = models.newest(db, strategy_name, DAMAGED_TRIED)
        for name in names:
            try:
                self.directory.describe(name)
            except (InvalidError, NotFoundError) as error:
                log.warning("%s", error)
                continue
            return name
        message = f"No model has been trained with strategy {strategy_name}; train one, or name a model_path."
        raise NotFoundError("no_model", message)
