"""The HTTP side of blobs and volume contents: PUT, GET and POST of signed links on loopback.

Every link is signed for one method on one object and expires. It knows stores by what a link calls them,
and no client.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import socket
from pathlib import Path

from aiohttp import web

from remote.local_cloud import clocks, multipart
from remote.local_cloud.blobs import CHUNK, ObjectStore
from remote.local_cloud.places import write_private

MAX_BODY = 4 * 1024**3
LINK_SECONDS = 3600
KEY_BYTES = 32


class BlobServer:
    """Signed links, which stay good when the daemon starts again on the same directory and the port is
    still free."""

    def __init__(self, blobs: ObjectStore, contents: ObjectStore, state_dir: Path) -> None:
        self._parts = ObjectStore(state_dir / "parts")
        self._stores = {"blob": blobs, "block": contents, "part": self._parts}
        self._key = _kept_key(state_dir / "blob.key")
        self._port_file = state_dir / "blob.port"
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    async def start(self) -> None:
        """Listen on a port of 127.0.0.1: the one of last time if it is free."""
        app = web.Application()
        app.router.add_put("/{kind}/{name}", self._put)
        app.router.add_get("/{kind}/{name}", self._get)
        app.router.add_post("/blob/{name}", self._post)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, _listener(self._last_port())).start()
        host, port = self._runner.addresses[0][:2]
        write_private(self._port_file, str(port))
        self.base_url = f"http://{host}:{port}"

    def _last_port(self) -> int:
        try:
            return int(self._port_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def forget_parts(self) -> None:
        """Delete parts of blobs that nobody has put together while that was allowed."""
        self._parts.delete_all_but(set(), older_than=LINK_SECONDS)

    def link(self, method: str, kind: str, name: str, start: int = 0, length: int = -1) -> str:
        """A URL that allows one method on one object for an hour: on a part of what is got, with at most
        so many bytes of what is put."""
        expires = int(clocks.now()) + LINK_SECONDS
        signature = self._sign(method, kind, name, start, length, expires)
        query = f"start={start}&length={length}&expires={expires}&signature={signature}"
        return f"{self.base_url}/{kind}/{name}?{query}"

    def _sign(self, method: str, kind: str, name: str, start: int, length: int, expires: int) -> str:
        message = f"{method}\n{kind}\n{name}\n{start}\n{length}\n{expires}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def _allowed(self, request: web.Request) -> tuple[Path, int, int]:
        kind, name = request.match_info.get("kind", "blob"), request.match_info["name"]
        try:
            start, length = int(request.query["start"]), int(request.query["length"])
            expires = int(request.query["expires"])
            path = self._stores[kind].path(name)
        except (KeyError, ValueError) as error:
            raise web.HTTPForbidden(text="not a link of this cloud") from error
        expected = self._sign(request.method, kind, name, start, length, expires)
        if not hmac.compare_digest(expected, request.query.get("signature", "")) or expires < clocks.now():
            raise web.HTTPForbidden(text="the link is wrong or has expired")
        return path, start, length

    async def _put(self, request: web.Request) -> web.Response:
        """Take a body as it comes, never whole in memory."""
        path, _, most = self._allowed(request)
        most = most if most >= 0 else MAX_BODY
        kind, name = request.match_info["kind"], request.match_info["name"]
        contents, size, etag = hashlib.sha256(), 0, hashlib.md5()
        with self._stores[kind].incoming(path) as file:
            async for chunk in request.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > most:
                    raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
                contents.update(chunk)
                etag.update(chunk)
                file.write(chunk)
            if kind == "block" and contents.hexdigest() != name:
                raise web.HTTPBadRequest(text="the block's sha256 does not match its name")
        if kind == "block":
            self._stores[kind].keep(name, LINK_SECONDS)  # the others of its file take their time
        return web.Response(body=name.encode(), headers={"ETag": f'"{etag.hexdigest()}"'})

    async def _post(self, request: web.Request) -> web.Response:
        """All parts of a blob have come: make it of them."""
        self._allowed(request)
        name, body = request.match_info["name"], await request.text()
        try:
            etags = multipart.listed(body)
            etag = await asyncio.to_thread(multipart.assemble, self._parts, self._stores["blob"], name, etags)
        except multipart.PartsError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response(
            text=f'<CompleteMultipartUploadResult><ETag>"{etag}"</ETag></CompleteMultipartUploadResult>'
        )

    async def _get(self, request: web.Request) -> web.StreamResponse:
        path, start, length = self._allowed(request)
        if not path.exists():
            raise web.HTTPNotFound(text="no such object")
        with path.open("rb") as file:
            left = max(0, os.fstat(file.fileno()).st_size - start)
            left = min(left, length) if length >= 0 else left
            file.seek(start)
            response = web.StreamResponse()
            response.content_length = left
            await response.prepare(request)
            while left and (chunk := file.read(min(CHUNK, left))):
                await response.write(chunk)
                left -= len(chunk)
        return response


def _kept_key(path: Path) -> bytes:
    """The key that links are signed with; made once, whole or not at all."""
    if not path.exists() or len(path.read_bytes()) != KEY_BYTES:
        write_private(path, secrets.token_bytes(KEY_BYTES))
    return path.read_bytes()


def _listener(port: int) -> socket.socket:
    for candidate in (port, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
        except OSError:
            listener.close()
            continue
        return listener
    raise OSError("no free port on 127.0.0.1")
