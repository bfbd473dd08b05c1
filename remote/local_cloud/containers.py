"""Containers as real processes: Modal's own entrypoint, its socket, its end.

Each runs in a session of its own with a private directory and a private unix socket; stopping is an
interrupt, a grace, then a kill of the whole group. What a container writes to stdout goes to files,
so it survives a daemon that dies, and a new daemon adopts it by pid *and* start. It knows nothing
of which input should run: `pool` decides that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from grpclib.server import Server

from remote.local_cloud import clocks, cluster_control, container_launch, faults, processes, starts
from remote.local_cloud.container import Container
from remote.local_cloud.container_launch import Prepared
from remote.local_cloud.logs import STDERR, STDOUT, SYSTEM, LogTail, Origin
from remote.local_cloud.mount_paths import READ_BY_APP, By
from remote.local_cloud.rpc.area import Peer
from remote.local_cloud.scaling import Scaling
from remote.local_cloud.scheduler import Gone
from remote.local_cloud.store import Store
from remote.local_cloud.task_rows import TaskRows
from remote.local_cloud.time_scale import time_scale

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud
    from remote.local_cloud.function import Function
    from remote.local_cloud.template import Template

log = logging.getLogger(__name__)

GRACE_SECONDS = 30.0
ATTEND_SECONDS = 0.1
TRY_AGAIN_SECONDS = 1.0
Spawn = Callable[[Prepared], Awaitable[tuple[subprocess.Popen[bytes] | None, int]]]
"""Starts a process: our child, if it is one, and the process's pid."""
PREEMPTION_LINE = (
    "Runner interrupted due to worker preemption. Your Function will be restarted with the same input.\n"
)


class Containers:
    """All live containers. ``on_exit`` is told of each that is gone, with the cause."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self._cloud = cloud
        self.rows = TaskRows(store)
        self.live: dict[str, Container] = {}
        self.on_exit: Callable[[Container, Gone], None] = lambda container, why: None

    async def start(
        self, function: Function, *, park: bool = False, template: Template | None = None
    ) -> Container:
        """Start the entrypoint for a function: by itself, or forked from a template (TemplateError if that
        cannot be); ``park`` holds it at its checkpoint as a spare."""
        asked = time.monotonic()

        async def spawn(prepared: Prepared) -> tuple[subprocess.Popen[bytes] | None, int]:
            if template is not None:
                return None, await template.fork(prepared)
            return container_launch.spawn(self._cloud, prepared)

        kind = "template" if template is not None else "warm_spare" if park else "cold"
        prepared = await container_launch.prepare(self._cloud, function, kind, park=park)
        container = await self.host(function, prepared, spawn)
        container.moments["asked"], container.template = asked, template
        self._watch(container)
        if prepared.by is By.ENVIRONMENT and prepared.mounts and prepared.environment.get(READ_BY_APP) != "1":
            excuse = self._cloud.mount_paths.excuse(mount.path for mount in prepared.mounts)
            self._cloud.logs.add(self.origin(container), SYSTEM, [excuse])
        return container

    async def host(self, function: Function, prepared: Prepared, spawn: Spawn) -> Container:
        """A new process with a socket of its own, recorded before it can do anything that matters."""
        scaling, server = Scaling.of(function.definition), await self._serve(prepared.task_id)
        try:
            child, pid = await spawn(prepared)
        except BaseException:
            await self._clear(prepared.task_id, server)
            raise
        container = Container(
            task_id=prepared.task_id,
            function_id=function.function_id,
            app_id=function.app_id,
            key=function.key,
            directory=prepared.directory,
            pid=pid,
            pid_mark=processes.start_mark(pid) or "",
            child=child,
            start_kind=prepared.kind,
            enqueued_at=clocks.now(),
            slots=scaling.slots,
            single_use=scaling.single_use,
            spare=prepared.park,
            server=server,
        )
        self.rows.insert(container)
        container.note("there")
        self._follow(container)
        return container

    def _follow(self, container: Container) -> None:
        container.tails = [
            LogTail(container.directory / name, fd, self._cloud.logs, lambda: self.origin(container))
            for name, fd in (("stdout", STDOUT), ("stderr", STDERR))
        ]

    async def ended(self, container: Container) -> int | None:
        """Wait until a process has ended, and take what it has printed; its exit code, if it is known."""
        code = await processes.ended(container.pid, container.pid_mark, container.child)
        try:
            for tail in container.tails:
                for _ in tail.rest():
                    await asyncio.sleep(0)
        except (OSError, sqlite3.Error):
            log.exception("what %s printed last is lost", container.task_id)
        processes.kill_group(container.pid)  # whatever children it left behind, in sessions of their own too
        await asyncio.to_thread(processes.kill_below, container.directory)
        return await container.template.reap(container.pid) if container.template is not None else code

    async def clear(self, container: Container, how: str) -> None:
        """Remove what an ended process had."""
        try:
            self.rows.finished(container.task_id, how)
        except sqlite3.Error:
            log.exception("the end of %s could not be stored; the next daemon sees it", container.task_id)
        await self._clear(container.task_id, container.server)

    async def release(self, container: Container) -> None:
        """Let a parked container go on: it sees what is committed now, reads its restore file and
        reconnects."""
        container.parked = False
        container.note("released")
        await self._cloud.volumes.reload_all(container.task_id)
        path = container.directory / "restore.json"
        temporary = path.with_suffix(".tmp")
        state = {"task_id": container.task_id, "modal_local_start": container.start_kind}
        temporary.write_text(json.dumps(state))
        temporary.rename(path)

    def stop(self, container: Container, *, grace: float | None = None, preempted: bool = True) -> None:
        """Interrupt now, kill the group after the grace. A second stop can only shorten the grace;
        it does not interrupt again."""
        grace = GRACE_SECONDS * time_scale() if grace is None else grace
        kill_at = clocks.now() + (0.0 if container.parked else grace)
        if container.kill_at is None:
            container.preempted = preempted
            if preempted and container.current:
                self._cloud.logs.add(self.origin(container), SYSTEM, [PREEMPTION_LINE])
        container.kill_at, first = min(kill_at, container.kill_at or kill_at), not container.stopping
        self.rows.stopping(container.task_id, container.kill_at, container.preempted)
        if first:
            processes.interrupt(container.pid)
            cluster_control.stop_others(self._cloud, container, grace)

    async def stop_all(self, grace: float) -> None:
        """Preempt every container and wait until all are gone."""
        for container in list(self.live.values()):
            self.stop(container, grace=grace)
        while self.live:
            await asyncio.sleep(0.02)

    def adopt_or_forget(self) -> None:
        """After a restart: take back containers that still live; give back the inputs of others. They are
        heard only once it is known what belongs together, see `listen`."""
        for row in self.rows.unfinished():
            container = self._adopt(row)
            if container is None:
                why = Gone.PREEMPTED if row["preempted"] else Gone.CRASHED
                self._cloud.calls.container_gone(row["task_id"], why, clocks.now())
                self.rows.finished(row["task_id"], "gone while the cloud was down")
                continue
            self._follow(container)
            self._watch(container)
        self._cloud.mount_paths.release_all_but(set(self.live))
        if strays := processes.kill_strays(self._cloud.containers_dir, self.live):
            log.warning("killed %d processes that no row tells of", strays)
        for directory in list(self._cloud.containers_dir.iterdir()):
            if directory.name not in self.live:
                shutil.rmtree(directory, ignore_errors=True)

    async def listen(self) -> None:
        """Open the sockets of containers that were taken back."""
        for container in list(self.live.values()):
            container.server = await self._serve(container.task_id)
            if container.task_id not in self.live:  # it has ended just now
                await self._clear(container.task_id, container.server)

    def origin(self, container: Container) -> Origin:
        """What a line that the container prints now belongs to."""
        input_id, call_id = next(iter(container.current.items()), ("", ""))
        return Origin(
            app_id=container.app_id,
            function_id=container.function_id,
            task_id=container.task_id,
            call_id=call_id,
            input_id=input_id,
        )

    def mark_started(self, container: Container) -> None:
        """The container takes its first input."""
        if container.started_at is None:
            container.started_at = clocks.now()
            took = starts.phases(container.start_kind, container.moments)
            self.rows.started(container.task_id, container.started_at, took)
            words = starts.sentence(container.task_id, container.start_kind, took)
            self._cloud.logs.add(self.origin(container), SYSTEM, [words])

    def _adopt(self, row: sqlite3.Row) -> Container | None:
        """The container of a row if it lives; a template, and what may be a spare that nobody uses yet, is
        not worth keeping."""
        if not processes.is_alive(row["pid"], row["pid_mark"]):
            return None
        if row["start_kind"] != "cold" and row["started_at"] is None:
            processes.kill_group(row["pid"])
            return None
        scaling = Scaling.of(self._cloud.apps.function(row["function_id"]).definition)
        container = Container(
            task_id=row["task_id"],
            function_id=row["function_id"],
            app_id=row["app_id"],
            key=row["key"],
            directory=self._cloud.containers_dir / row["task_id"],
            pid=row["pid"],
            pid_mark=row["pid_mark"],
            child=None,
            start_kind=row["start_kind"],
            enqueued_at=row["enqueued_at"],
            ready=True,
            started_at=row["started_at"],
            kill_at=row["kill_at"],
            preempted=bool(row["preempted"]),
            slots=scaling.slots,
            single_use=scaling.single_use,
        )
        for held in self._cloud.calls.held_by(container.task_id):
            container.current[held.input_id] = held.call_id
            container.doubtful.append(held.input_id)
            if held.cancelled_at is not None:
                container.cancelled.append(held.input_id)
        return container

    def _watch(self, container: Container) -> None:
        self.live[container.task_id] = container
        container.idle_since = clocks.now()
        container.tasks = [
            asyncio.create_task(self._attend(container)),
            asyncio.create_task(self._wait(container)),
        ]

    async def _attend(self, container: Container) -> None:
        """What is looked at regularly: new output, faults asked for, the end of a grace."""
        while True:
            pause = ATTEND_SECONDS
            try:
                container.read_output()
                grace = faults.take_preemption(container.directory / "faults")
                if grace is not None:
                    self.stop(container, grace=grace)
            except (OSError, sqlite3.Error):
                log.exception("a look at %s failed; trying again", container.task_id)
                pause = TRY_AGAIN_SECONDS
            if container.kill_at is not None and clocks.now() >= container.kill_at:
                processes.kill_group(container.pid)
            await asyncio.sleep(pause)

    async def _wait(self, container: Container) -> None:
        code = await self.ended(container)
        container.tasks[0].cancel()
        del self.live[container.task_id]
        try:
            self._say_gone(container, code)
        except sqlite3.Error:
            log.exception("the end of %s could not be stored; the pool looks for it", container.task_id)
        self._cloud.logs.changed.beat()  # a stream may have waited for the last container of its app
        await self.clear(container, f"exit {code}" + (" (preempted)" if container.preempted else ""))

    def _say_gone(self, container: Container, code: int | None) -> None:
        why = Gone.PREEMPTED if container.preempted else Gone.CRASHED
        if why is Gone.CRASHED and self._cloud.calls.held_by(container.task_id):
            words = f"Container {container.task_id} died (exit {code})."
            line = f"{words} Its input is given to another container.\n"
            self._cloud.logs.add(self.origin(container), SYSTEM, [line])
        self._cloud.calls.container_gone(container.task_id, why, clocks.now())
        self.on_exit(container, why)

    async def _clear(self, task_id: str, server: Server | None) -> None:
        if server is not None:
            server.close()
            self._cloud.socket_path(task_id).unlink(missing_ok=True)
        self._cloud.mount_paths.release(task_id)
        directory = self._cloud.containers_dir / task_id
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        await self._cloud.volumes.discard(task_id)

    async def _serve(self, task_id: str) -> Server:
        path = self._cloud.socket_path(task_id)
        path.unlink(missing_ok=True)
        server = Server([self._cloud.service.for_peer(Peer(task_id))])
        await server.start(path=str(path))
        path.chmod(0o600)
        return server
