"""The dashboard in a browser, by textual-serve, for whoever started it and nobody else.

    Loopback(command, port=8788, key=secret).run(ready)      # until Ctrl-C; OSError if the port is taken

A page that shows a dashboard can press its keys, so it is served on 127.0.0.1 alone, to requests that
name that host (a foreign page that resolves its own name to us does not), from no other origin, and only
with the key that is in the address which was printed: other users of this machine reach the port too.
The key is asked for once and kept in a cookie. Nothing is loaded from elsewhere. Each open page is a
process of its own that runs ``middlewatch open``; closing the page ends it, and no run.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Loopback(Server):
    """textual-serve's server, closed to others."""

    def __init__(self, command: str, *, port: int, key: str) -> None:
        super().__init__(
            command, host=HOST, port=port, title="middlewatch", public_url=f"http://{HOST}:{port}"
        )
        self._key = key
        self._cookie = f"middlewatch-{port}"

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"{self.public_url}/?key={self._key}"

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until it is interrupted; ``ready`` is called when it listens. OSError."""
        web.run_app(self._make_app(), host=HOST, port=self.port, print=lambda *_: ready(), access_log=None)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        app.middlewares.append(guard)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Said by whoever runs it."""

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what is not ours; see the module."""
        if request.headers.get("Host") != f"{HOST}:{self.port}":
            raise web.HTTPMisdirectedRequest(text=f"only {self.public_url} is served\n")
        if request.headers.get("Origin", self.public_url) != self.public_url:
            raise web.HTTPForbidden(text="from another origin\n")
        given = request.query.get("key")
        if given is not None and request.path == "/" and self._is_key(given):
            answer = web.HTTPSeeOther("/")
            answer.set_cookie(self._cookie, self._key, httponly=True, samesite="Strict", path="/")
            raise answer
        if not self._is_key(request.cookies.get(self._cookie, "")):
            raise web.HTTPForbidden(text="open the address that `middlewatch serve` printed\n")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = (
                f"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
                f"connect-src 'self' ws://{HOST}:{self.port}; img-src 'self' data:; frame-ancestors 'none'"
            )
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._key.encode())
