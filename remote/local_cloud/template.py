"""One template: its process, and the conversation with it. It decides nothing.

Its process is started as a container's is, with a directory and volumes of its own, in which its
``enter(snap=True)`` hooks work; it is told where to connect to, and is gone when that connection is. A
fork of it is a container like others, but its parent: so its exit code is asked for here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from remote.local_cloud import container_launch, processes
from remote.local_cloud.container import TEMPLATE_PROCESS, Container
from remote.local_cloud.container_launch import Prepared
from remote.local_cloud.mount_paths import By

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud
    from remote.local_cloud.function import Function

PROGRAM = (sys.executable, "-P", str(Path(__file__).with_name("template_process.py")))
STARTUP_SECONDS = 300.0
ANSWER_SECONDS = 10.0
LOOK_SECONDS = 0.1
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TemplateError(RuntimeError):
    """A container could not be forked, with the reason in words; it can be started otherwise."""


class Template:
    """One template process. ``ready`` while it may be forked; ``refused`` is why it never may;
    ``took`` is milliseconds of its start."""

    def __init__(self, cloud: Cloud, function: Function) -> None:
        self._cloud, self.function = cloud, function
        self.ready = self.was_ready = self.ended_by_us = False
        self.refused = ""
        self.took: dict[str, int] = {}
        self._process: Container | None = None
        self._stream: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        self._lock = asyncio.Lock()

    async def run(self, changed: Callable[[], None]) -> None:
        """Be there, from the start of the process to its end."""
        prepared = await container_launch.prepare(self._cloud, self.function, TEMPLATE_PROCESS)
        socket = self._cloud.socket_path(prepared.task_id).with_suffix(".fork")
        prepared.environment["LOCAL_CLOUD_TEMPLATE_SOCKET"] = str(socket)
        listener = await asyncio.start_unix_server(self._connected, socket)
        socket.chmod(0o600)
        try:
            process = self._process = await self._cloud.containers.host(self.function, prepared, self._spawn)
            end = asyncio.create_task(self._cloud.containers.ended(process))
            loading = asyncio.create_task(self._load(changed))
            while not end.done():
                process.read_output()
                if self.ended_by_us:
                    processes.kill_group(process.pid)
                await asyncio.wait([end], timeout=LOOK_SECONDS)
            loading.cancel()
            await self._cloud.containers.clear(process, f"exit {end.result()}")
        finally:
            self.ready = False
            listener.close()
            socket.unlink(missing_ok=True)
            if self._stream.done():
                self._stream.result()[1].close()

    def end(self) -> None:
        """End the process; nothing that was forked from it is touched."""
        self.ready, self.ended_by_us = False, True

    async def fork(self, prepared: Prepared) -> int:
        """The pid of a new container. TemplateError if there is none."""
        self._cloud.mount_paths.prepare(prepared.task_id, prepared.mounts, prepared.by)
        mounts = prepared.mounts if prepared.by is By.BUBBLEWRAP else []
        wanted = {
            "environment": prepared.environment,
            "directory": str(prepared.directory),
            "mounts": [[mount.path, str(mount.directory), mount.read_only] for mount in mounts],
        }
        answer = await self._ask({"fork": wanted})
        if "forked" not in answer:
            self.refused = answer["refused"]
            self._kill()
            raise TemplateError(self.refused)
        return int(answer["forked"])

    async def reap(self, pid: int) -> int | None:
        """The exit code of a fork that has ended, None if the template is not there to know it."""
        if not self.ready:
            return None
        with contextlib.suppress(TemplateError):
            return int((await self._ask({"reap": pid}))["code"])
        return None

    async def _spawn(self, prepared: Prepared) -> tuple[subprocess.Popen[bytes], int]:
        return container_launch.spawn(self._cloud, prepared, PROGRAM)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stream.done():
            writer.close()
        else:
            self._stream.set_result((reader, writer))

    async def _load(self, changed: Callable[[], None]) -> None:
        """Wait until it says whether it can be forked."""
        limit = self.function.definition.startup_timeout_secs or STARTUP_SECONDS
        try:
            async with self._lock:
                first = await asyncio.wait_for(self._read(), limit)
        except TimeoutError:
            self.refused = f"it was not loaded within {limit:.0f} s"
            self._kill()
        except (TemplateError, OSError):
            self._kill()
        else:
            self.refused, self.took = first.get("refused", ""), first.get("ready", {})
            self.ready = self.was_ready = "ready" in first
            changed()

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        async with self._lock:
            try:
                self._stream.result()[1].write(json.dumps(question).encode() + b"\n")
                return await asyncio.wait_for(self._read(), ANSWER_SECONDS)
            except (TimeoutError, OSError, asyncio.InvalidStateError) as error:
                self._kill()
                raise TemplateError(f"it does not answer: {type(error).__name__}") from error

    async def _read(self) -> dict[str, Any]:
        reader, _ = await asyncio.shield(self._stream)
        line = await reader.readline()
        if not line:
            raise TemplateError("it died")
        return dict(json.loads(line))

    def _kill(self) -> None:
        """End a process that does not answer as it should, with forks that nobody knows of."""
        self.ready = False
        if self._process is None:
            return
        known = {container.pid for container in self._cloud.containers.live.values()}
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self._process.pid).children():
                if child.pid not in known:
                    processes.kill_group(child.pid)
        processes.kill_group(self._process.pid)
