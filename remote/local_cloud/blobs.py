"""Bytes too large for a message: blobs and volume blocks, over HTTP on loopback.

Every path is signed and expires; an object's name is checked against its kind, so no path outside
the object directories can be reached. It knows ids and digests, not whose bytes they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aiohttp import web

from remote.local_cloud import clocks, durable

MAX_BODY = 4 * 1024**3
CHUNK = 1 << 20
FICLONE = 0x40049409 if sys.platform == "linux" else None
"""Linux's request to make one file share the blocks of another."""
LINK_SECONDS = 3600
_NAME = re.compile(r"(bl-[A-Za-z0-9]{22}|[0-9a-f]{64})\Z")


class ObjectStore:
    """Immutable files by name: blobs by id, volume contents by sha256. Safe from several threads.

    A file's mtime is when it was last stored, or found stored already.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for unfinished in directory.glob(f"{tempfile.gettempprefix()}*"):
            unfinished.unlink()  # of a process that was killed

    def path(self, name: str) -> Path:
        """Where an object lies; ValueError for a name that is no object's."""
        if not _NAME.match(name):
            raise ValueError(f"{name[:80]!r} is not the name of an object")
        return self._directory / name[-2:] / name

    def has(self, name: str) -> bool:
        """Whether an object is stored; if so, it stays for a while also if nothing refers to it."""
        with self._lock:
            try:
                os.utime(self.path(name))
            except FileNotFoundError:
                return False
            return True

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, whole or not at all."""
        if not self.has(name):
            self.write(self.path(name), data)

    def delete_all_but(self, wanted: set[str], older_than: float) -> int:
        """Delete objects whose name is not wanted and that were stored long ago (seconds)."""
        before, deleted = time.time() - older_than, 0
        for path in list(self._directory.glob("*/*")):
            if path.name in wanted:
                continue
            with self._lock:
                if path.stat().st_mtime < before:
                    path.unlink()
                    deleted += 1
        return deleted

    @contextlib.contextmanager
    def adding(self) -> Iterator[Addition]:
        """Store files together: when this ends all are on the disk, and only then under their names;
        after an error none is."""
        addition = Addition(self._directory)
        try:
            yield addition
            durable.sync(addition.staged)
        except BaseException:
            for temporary in addition.staged:
                temporary.unlink()
            raise
        for temporary, name in zip(addition.staged, addition.names, strict=True):
            self._publish(temporary, self.path(name))

    def write(self, path: Path, data: bytes) -> None:
        """Write one of our own paths: temporary name, fsync, rename."""
        with self.incoming(path) as file:
            file.write(data)

    @contextlib.contextmanager
    def incoming(self, path: Path) -> Iterator[IO[bytes]]:
        """A file to write, which becomes one of our own paths whole, or not at all after an error."""
        descriptor, temporary = tempfile.mkstemp(dir=self._directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(temporary).unlink()
            raise
        self._publish(Path(temporary), path)

    def _publish(self, temporary: Path, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with self._lock:
            temporary.rename(path)


class Addition:
    """Contents that are being stored together: temporary files, and what each is to be called."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.staged: list[Path] = []
        self.names: list[str] = []

    def add(self, source: Path) -> tuple[str, int]:
        """Take a file's contents; their sha256, which is their name, and their size in bytes. OSError."""
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            descriptor, temporary = tempfile.mkstemp(dir=self._directory)
            try:
                with os.fdopen(descriptor, "wb") as copy:
                    while chunk := file.read(CHUNK):
                        digest.update(chunk)
                        copy.write(chunk)
                        size += len(chunk)
            except BaseException:
                os.unlink(temporary)
                raise
        self.staged.append(Path(temporary))
        self.names.append(digest.hexdigest())
        return digest.hexdigest(), size


def clone(source: Path, target: Path) -> None:
    """A copy of a file: sharing its blocks where the file system can, byte by byte where not."""
    with source.open("rb") as original, target.open("wb") as copy:
        if FICLONE is not None:
            try:
                fcntl.ioctl(copy.fileno(), FICLONE, original.fileno())
                return
            except OSError:
                pass
        shutil.copyfileobj(original, copy, 1 << 20)


class BlobServer:
    """The HTTP side: PUT and GET of signed links, which stay good when the daemon starts again on
    the same directory and the port is still free."""

    def __init__(self, blobs: ObjectStore, contents: ObjectStore, state_dir: Path) -> None:
        self._stores = {"blob": blobs, "block": contents}
        self._key = _kept(state_dir / "blob.key", secrets.token_bytes(32))
        self._port_file = state_dir / "blob.port"
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    async def start(self) -> None:
        """Listen on a port of 127.0.0.1: the one of last time if it is free."""
        app = web.Application()
        app.router.add_put("/{kind}/{name}", self._put)
        app.router.add_get("/{kind}/{name}", self._get)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, _listener(int(_kept(self._port_file, b"0")))).start()
        host, port = self._runner.addresses[0][:2]
        self._port_file.write_text(str(port))
        self.base_url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def link(self, method: str, kind: str, name: str, start: int = 0, length: int = -1) -> str:
        """A URL that allows one method on one object (or a part of it) for an hour."""
        expires = int(clocks.now()) + LINK_SECONDS
        signature = self._sign(method, kind, name, start, length, expires)
        query = f"start={start}&length={length}&expires={expires}&signature={signature}"
        return f"{self.base_url}/{kind}/{name}?{query}"

    def _sign(self, method: str, kind: str, name: str, start: int, length: int, expires: int) -> str:
        message = f"{method}\n{kind}\n{name}\n{start}\n{length}\n{expires}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def _allowed(self, request: web.Request) -> tuple[Path, int, int]:
        kind, name = request.match_info["kind"], request.match_info["name"]
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
        path, _, _ = self._allowed(request)
        kind, name = request.match_info["kind"], request.match_info["name"]
        contents, size, etag = hashlib.sha256(), 0, hashlib.md5()
        with self._stores[kind].incoming(path) as file:
            async for chunk in request.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > MAX_BODY:
                    raise web.HTTPRequestEntityTooLarge(max_size=MAX_BODY, actual_size=size)
                contents.update(chunk)
                etag.update(chunk)
                file.write(chunk)
            if kind == "block" and contents.hexdigest() != name:
                raise web.HTTPBadRequest(text="the block's sha256 does not match its name")
        return web.Response(body=name.encode(), headers={"ETag": f'"{etag.hexdigest()}"'})

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


def _kept(path: Path, default: bytes) -> bytes:
    """What a small private file holds; made with a default where it is missing."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(default)
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
