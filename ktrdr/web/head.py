"""Answers HEAD, which monitors send, as GET without the body (RFC 9110, 9.3.2). The framework would refuse it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnswerHead:
    """Passes a HEAD on as a GET and drops the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; a HEAD as a GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, without_body)
        finally:
            scope["route"] = asked.get("route")  # requests are counted by it
