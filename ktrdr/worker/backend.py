"""A client of the backend for workers and the command line: JSON over HTTP.

Why not httpx: it would add about 1 MB to the images and its import time to the commands; the standard library suffices.
"""

import contextlib
import copy
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from ktrdr.data.bars import Bars
from ktrdr.data.block import times_of
from ktrdr.data.resample import Resampler, Whole
from ktrdr.errors import ConflictError
from ktrdr.model_files import digest, require_digest
from ktrdr.names import escaped
from ktrdr.records import Packed

TIMEOUT_S: Final = 10.0
PAGE: Final = 50_000
BEGINNINGS: Final = 3
PATIENCE_S: Final = 60.0
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 2.0
BLOCK: Final = 64 * 1024

Content = bytes | Iterable[bytes] | None
"""The body of a request. A repeated request iterates it again."""


class BackendAwayError(Exception):
    """The backend did not answer; the request may be repeated."""


class BackendTroubledError(BackendAwayError):
    """The backend answered with a server error (5xx); `code` and the message are its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class BackendRefusedError(Exception):
    """The backend refused the request; `code` says why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class _ReplacedError(Exception):
    """The series was replaced between two of its pages."""


class Backend:
    """One backend. Thread-safe."""

    def __init__(self, base_url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self.patience_s = 0.0
        self.credentials: dict[str, str] = {}  # headers of every request; copies of this backend share them
        self.pause: Callable[[float], None] = time.sleep
        self.base_url = base_url.rstrip("/") + "/api/v1"
        # The backend is in the local network: a proxy for the internet would not find it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def patient(self, pause: Callable[[float], None], patience_s: float = PATIENCE_S) -> "Backend":
        """Return this backend with patience for its restarts: a request without an answer is repeated.

        Each request is repeated for at most `patience_s` seconds; `pause` waits between tries and may raise to stop.
        """
        patient = copy.copy(self)
        patient.patience_s, patient.pause = patience_s, pause
        return patient

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send and receive a JSON object; BackendAwayError or BackendRefusedError."""
        content = json.dumps(body).encode() if body is not None else None
        answer, _ = self.send(method, path, content, {"Content-Type": "application/json"})
        try:
            document = json.loads(answer)
        except ValueError:
            raise BackendAwayError(f"{self.base_url} answered something that is not JSON") from None
        if not isinstance(document, dict):
            raise BackendAwayError(f"{self.base_url} answered something that is not a JSON object")
        return document

    def send(self, method: str, path: str, content: Content, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """Send bytes; return the answer's bytes and its headers (names in lower case)."""
        end = time.monotonic() + self.patience_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return self.try_once(method, path, content, {**headers, **self.credentials})
            except BackendAwayError:
                if time.monotonic() + pause_s > end:
                    raise
            self.pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def try_once(
        self, method: str, path: str, content: Content, headers: dict[str, str]
    ) -> tuple[bytes, dict[str, str]]:
        """Send once, without repeating."""
        with self._answer(method, path, content, headers) as response:
            return response.read(), {name.lower(): value for name, value in response.headers.items()}

    def download(self, path: str) -> Iterator[bytes]:
        """Yield an answer in blocks; it is asked for once."""
        with self._answer("GET", path, None, dict(self.credentials)) as response:
            while block := response.read(BLOCK):
                yield block

    @contextlib.contextmanager
    def _answer(self, method: str, path: str, content: Content, headers: dict[str, str]) -> Iterator[Any]:
        # Bytes have their length in a header; what comes piece by piece is sent in chunks.
        request = urllib.request.Request(  # noqa: S310  the settings admit http and https only
            self.base_url + path, data=content, headers=headers, method=method
        )
        try:
            with self._opener.open(request, timeout=self.timeout_s) as response:
                yield response
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read(65536)) from None
        except (OSError, ValueError, http.client.HTTPException) as error:  # the last: it died while it answered
            raise BackendAwayError(f"{self.base_url} does not answer: {_told(error)}") from None

    def bars(
        self,
        symbol: str,
        timeframe: str,
        start: str | None,
        end: str | None,
        *,
        before: int = 0,
        collect: Callable[[], Whole | Resampler] = Whole,
        check: Callable[[], None] = lambda: None,
        report: Callable[[int, int], None] = lambda *_: None,
    ) -> Bars:
        """Fetch a range of bars, page by page, and `before` earlier ones, if as many are stored.

        `collect` makes what takes the pages and returns the bars. `check` is called before each page and may raise to
        stop, `report` after it, with the number of bars that have come, and of all.
        Starts again if the series was replaced between two pages; ConflictError if that happens each time.
        """
        query = {"limit": str(PAGE)} | ({"start_date": start} if start else {}) | ({"end_date": end} if end else {})
        for _ in range(BEGINNINGS):
            collector = collect()
            pages = self._pages(f"/data/{quote(escaped(symbol))}/{timeframe}", query, before, check)
            try:
                come = 0
                for page, total in pages:
                    collector.add(page)
                    come += len(page)
                    report(come, total)
            except _ReplacedError:
                continue
            return collector.finish()
        message = f"{symbol} {timeframe} was replaced {BEGINNINGS} times while it was read; retry when uploads end."
        raise ConflictError("series_changed", message)

    def _pages(
        self, path: str, query: dict[str, str], before: int, check: Callable[[], None]
    ) -> Iterator[tuple[Bars, int]]:
        """Yield pages of one version of a series, and how many bars there are in all; _ReplacedError if it changes."""
        version, total = None, 0
        page = query | ({"before": str(before)} if before else {})
        while True:
            check()
            data = self.call("GET", f"{path}?{urlencode(page)}")["data"]
            metadata = data["metadata"]
            if version not in (None, metadata["version"]):
                raise _ReplacedError
            if version is None:
                version, total = metadata["version"], int(metadata["total"])
            columns = zip(*data["ohlcv"], strict=True) if data["dates"] else ()
            yield Bars(times_of(data["dates"]), *map(list, columns)), total
            if metadata["next_start"] is None:
                return
            page = query | {"start_date": metadata["next_start"]}

    def upload_model(self, name: str, archive: bytes) -> str:
        """Upload a model; return its model_path."""
        headers = {"Content-Type": "application/zip", "X-Content-SHA256": digest(archive)}
        answer, _ = self.send("PUT", f"/models/{quote(name)}/archive", archive, headers)
        return str(json.loads(answer)["model_path"])

    def upload_record(self, operation_id: str, record: Packed) -> None:
        """Upload a record of a backtest, piece by piece."""
        self.send(
            "PUT", f"/operations/{quote(operation_id)}/{record.kind}", record, {"Content-Type": "application/gzip"}
        )

    def download_model(self, name: str) -> tuple[bytes, str]:
        """Download a model's archive and the digest that the backend names."""
        archive, headers = self.send("GET", f"/models/{quote(name)}/archive", None, {})
        return archive, headers.get("x-content-sha256", "")

    def checkpoint(self, operation_id: str) -> bytes | None:
        """Download the checkpoint from which an operation goes on; None if it has none, or the backend knows of none.

        InvalidError if it does not have the digest that the backend names.
        """
        try:
            content, headers = self.send("GET", f"/operations/{quote(operation_id)}/checkpoint", None, {})
        except BackendRefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        require_digest(digest(content), headers.get("x-content-sha256", ""))
        return content

    def keep_checkpoint(self, operation_id: str, content: bytes) -> None:
        """Upload a checkpoint of an operation, in place of the one before."""
        headers = {"Content-Type": "application/octet-stream", "X-Content-SHA256": digest(content)}
        self.send("PUT", f"/operations/{quote(operation_id)}/checkpoint", content, headers)


def _told(error: Exception) -> str:
    """Return why there was no answer, in the system's words if there are any."""
    reason = getattr(error, "reason", error)  # urllib's errors wrap another one
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _refusal(status: int, body: bytes) -> Exception:
    try:
        error = json.loads(body)["error"]
        code, message = str(error["code"]), str(error["message"])
        hint = str((error.get("details") or {}).get("hint") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return BackendAwayError(f"the backend answered {status} without saying why")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # a fault of the backend, not a refusal
        return BackendTroubledError(code, f"{message} {hint}".rstrip())
    return BackendRefusedError(status, code, message)
