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
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from grpclib.server import Server

from remote.local_cloud import container_launch, faults, processes
from remote.local_cloud.buckets import bucket_directory
from remote.local_cloud.container import Container
from remote.local_cloud.ids import new_id
from remote.local_cloud.logs import STDERR, STDOUT, SYSTEM, LogTail, Origin
from remote.local_cloud.rpc.area import Peer
from remote.local_cloud.scaling import Scaling
from remote.local_cloud.scheduler import Gone
from remote.local_cloud.store import Store
from remote.local_cloud.time_scale import time_scale

if TYPE_CHECKING:
    from remote.local_cloud.apps import Function
    from remote.local_cloud.cloud import Cloud

log = logging.getLogger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS tasks(
  task_id TEXT PRIMARY KEY, app_id TEXT NOT NULL, function_id TEXT NOT NULL, key TEXT NOT NULL,
  start_kind TEXT NOT NULL, pid INTEGER NOT NULL, pid_mark TEXT NOT NULL, enqueued_at REAL NOT NULL,
  started_at REAL, kill_at REAL, preempted INTEGER NOT NULL, finished_at REAL, ended TEXT);
CREATE INDEX IF NOT EXISTS tasks_live ON tasks(finished_at) WHERE finished_at IS NULL;
"""
GRACE_SECONDS = 30.0
ATTEND_SECONDS = 0.1
PREEMPTION_LINE = (
    "Runner interrupted due to worker preemption. Your Function will be restarted with the same input.\n"
)


class Containers:
    """All live containers. ``on_exit`` is told of each that is gone, with the cause."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self._cloud = cloud
        self._db = store.db
        store.define(_TABLES)
        self.live: dict[str, Container] = {}
        self.on_exit: Callable[[Container, Gone], None] = lambda container, why: None

    async def start(self, function: Function, *, park: bool) -> Container:
        """Start the entrypoint for a function; ``park`` holds it at its checkpoint as a spare."""
        task_id, scaling = new_id("ta"), Scaling.of(function.definition)
        directory = self._cloud.containers_dir / task_id
        for name in ("", "work", "faults", "tmp"):
            (directory / name).mkdir(mode=0o700)
        (directory / "arguments").write_bytes(container_launch.arguments(self._cloud, function, task_id))
        mounts = {
            volume.mount_path: await self._cloud.volumes.open_working_copy(task_id, volume.volume_id)
            for volume in function.definition.volume_mounts
        }
        for bucket in function.definition.cloud_bucket_mounts:
            mounts[bucket.mount_path] = bucket_directory(self._cloud.state_dir / "buckets", bucket)
        server = await self._serve(task_id)
        environment = container_launch.environment(
            self._cloud, function, task_id, directory, mounts, park=park
        )
        child = _spawn(directory, environment)
        container = Container(
            task_id=task_id,
            function_id=function.function_id,
            app_id=function.app_id,
            key=function.key,
            directory=directory,
            pid=child.pid,
            pid_mark=processes.start_mark(child.pid) or "",
            child=child,
            start_kind="warm_spare" if park else "cold",
            enqueued_at=time.time(),
            slots=scaling.slots,
            single_use=scaling.single_use,
            server=server,
        )
        self._insert(container)
        self._watch(container)
        return container

    async def release(self, container: Container) -> None:
        """Let a parked container go on: it sees what is committed now, reads its restore file and
        reconnects."""
        container.parked = False
        await self._cloud.volumes.reload_all(container.task_id)
        path = container.directory / "restore.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"task_id": container.task_id, "modal_local_start": "warm_spare"}))
        temporary.rename(path)

    def stop(self, container: Container, *, grace: float | None = None, preempted: bool = True) -> None:
        """Interrupt now, kill the group after the grace. A second stop can only shorten the grace;
        it does not interrupt again."""
        grace = GRACE_SECONDS * time_scale() if grace is None else grace
        kill_at = time.time() + (0.0 if container.parked else grace)
        if container.kill_at is None:
            container.preempted = preempted
            if preempted and container.current:
                self._cloud.logs.add(self.origin(container), SYSTEM, [PREEMPTION_LINE])
        container.kill_at, first = min(kill_at, container.kill_at or kill_at), not container.stopping
        self._db.execute(
            "UPDATE tasks SET kill_at=?, preempted=? WHERE task_id=?",
            (container.kill_at, container.preempted, container.task_id),
        )
        if first:
            processes.interrupt(container.pid)

    async def stop_all(self, grace: float) -> None:
        """Preempt every container and wait until all are gone."""
        for container in list(self.live.values()):
            self.stop(container, grace=grace)
        while self.live:
            await asyncio.sleep(0.02)

    async def adopt_or_forget(self) -> None:
        """After a restart: take back containers that still live; give back the inputs of others."""
        for row in self._db.execute("SELECT * FROM tasks WHERE finished_at IS NULL").fetchall():
            container = self._adopt(row)
            if container is None:
                why = Gone.PREEMPTED if row["preempted"] else Gone.CRASHED
                self._finished(row["task_id"], "gone while the cloud was down")
                self._cloud.calls.container_gone(row["task_id"], why, time.time())
                continue
            self._watch(container)
            container.server = await self._serve(container.task_id)
        for directory in list(self._cloud.containers_dir.iterdir()):
            if directory.name not in self.live:
                shutil.rmtree(directory, ignore_errors=True)

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
            container.started_at = time.time()
            self._db.execute(
                "UPDATE tasks SET started_at=? WHERE task_id=?", (container.started_at, container.task_id)
            )

    def row(self, task_id: str) -> sqlite3.Row | None:
        """What is known of a container, live or gone."""
        found: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM tasks WHERE task_id=?", (task_id,)
        ).fetchone()
        return found

    def _adopt(self, row: sqlite3.Row) -> Container | None:
        """The container of a row if it lives; a spare that nobody uses yet is not worth keeping."""
        if not processes.is_alive(row["pid"], row["pid_mark"]):
            return None
        if row["start_kind"] == "warm_spare" and row["started_at"] is None:
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

    def _insert(self, container: Container) -> None:
        self._db.execute(
            "INSERT INTO tasks VALUES(?,?,?,?,?,?,?,?,NULL,NULL,0,NULL,NULL)",
            (
                container.task_id,
                container.app_id,
                container.function_id,
                container.key,
                container.start_kind,
                container.pid,
                container.pid_mark,
                container.enqueued_at,
            ),
        )

    def _watch(self, container: Container) -> None:
        self.live[container.task_id] = container
        container.idle_since = time.time()
        container.tails = [
            LogTail(container.directory / name, fd, self._cloud.logs, lambda: self.origin(container))
            for name, fd in (("stdout", STDOUT), ("stderr", STDERR))
        ]
        container.tasks = [
            asyncio.create_task(self._attend(container)),
            asyncio.create_task(self._wait(container)),
        ]

    async def _attend(self, container: Container) -> None:
        """What is looked at regularly: new output, faults asked for, the end of a grace."""
        while True:
            container.read_output()
            grace = faults.take_preemption(container.directory / "faults")
            if grace is not None:
                self.stop(container, grace=grace)
            if container.kill_at is not None and time.time() >= container.kill_at:
                processes.kill_group(container.pid)
            await asyncio.sleep(ATTEND_SECONDS)

    async def _wait(self, container: Container) -> None:
        code = await processes.ended(container.pid, container.pid_mark, container.child)
        container.tasks[0].cancel()
        for tail in container.tails:
            tail.finish()
        processes.kill_group(container.pid)  # whatever children it left behind
        del self.live[container.task_id]
        self._finished(container.task_id, f"exit {code}" + (" (preempted)" if container.preempted else ""))
        if container.server is not None:
            container.server.close()
            self._cloud.socket_path(container.task_id).unlink(missing_ok=True)
        why = Gone.PREEMPTED if container.preempted else Gone.CRASHED
        if why is Gone.CRASHED and self._cloud.calls.held_by(container.task_id):
            words = f"Container {container.task_id} died (exit {code})."
            line = f"{words} Its input is given to another container.\n"
            self._cloud.logs.add(self.origin(container), SYSTEM, [line])
        self._cloud.calls.container_gone(container.task_id, why, time.time())
        self.on_exit(container, why)
        self._cloud.logs.changed.beat()  # a stream may have waited for the last container of its app
        await asyncio.to_thread(shutil.rmtree, container.directory, ignore_errors=True)
        await asyncio.to_thread(self._cloud.volumes.discard, container.task_id)

    def _finished(self, task_id: str, how: str) -> None:
        self._db.execute(
            "UPDATE tasks SET finished_at=?, ended=? WHERE task_id=?", (time.time(), how, task_id)
        )

    async def _serve(self, task_id: str) -> Server:
        path = self._cloud.socket_path(task_id)
        path.unlink(missing_ok=True)
        server = Server([self._cloud.service.for_peer(Peer(task_id))])
        await server.start(path=str(path))
        path.chmod(0o600)
        return server


def _spawn(directory: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Modal's entrypoint in a session of its own, its output in files."""
    with (directory / "stdout").open("ab") as out, (directory / "stderr").open("ab") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "modal._container_entrypoint"],
            cwd=directory / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
