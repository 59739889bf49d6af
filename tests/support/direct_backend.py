"""A worker's backend that is the application itself, in the same process."""

from collections.abc import Iterator

from fastapi.testclient import TestClient

from ktrdr.worker.backend import Backend, BackendAwayError, Content, _refusal

TIMEOUT_S = 10.0


class DirectBackend(Backend):
    """Reaches the application without a socket."""

    def __init__(self, client: TestClient) -> None:
        super().__init__("http://backend:8000")
        self.client = client
        self.away = False

    def download(self, path: str) -> Iterator[bytes]:
        yield self.try_once("GET", path, None, dict(self.credentials))[0]

    def try_once(
        self, method: str, path: str, content: Content, headers: dict[str, str]
    ) -> tuple[bytes, dict[str, str]]:
        if self.away:
            raise BackendAwayError("away")
        answer = self.client.request(method, path.lstrip("/"), content=content, headers=headers)
        if answer.is_error:
            raise _refusal(answer.status_code, answer.content)
        return answer.content, {name.lower(): value for name, value in answer.headers.items()}
