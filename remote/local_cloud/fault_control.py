"""The private socket on which faults are asked for: one JSON line each way.

    {"secret": "...", "by": "ana@host", "kind": "preempt", "task": "ta-…", "grace": 2.0}
    {"ok": true, "said": "ta-… is preempted with a grace of 2 s"}

The socket is the user's own (0600 in a directory of 0700) and asks for the cloud's token besides. It
is no part of Modal's protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.local_cloud import clocks, processes
from remote.local_cloud.container import Container
from remote.local_cloud.fault_plan import FOR_EVER
from remote.local_cloud.faults import MAX_GRACE
from remote.local_cloud.logs import SYSTEM

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud

log = logging.getLogger(__name__)

MAX_REQUEST = 64 * 1024
RANDOM_SECONDS = 1.0
GPU_LINE = "The GPU of this container was lost. Its input is given to another container.\n"


class FaultError(ValueError):
    """A request that cannot be carried out, with the reason in words."""


class FaultControl:
    """Carries out requests on one cloud. ``chance`` draws random preemptions."""

    def __init__(self, cloud: Cloud, path: Path, chance: Callable[[], float] = random.random) -> None:
        self._cloud, self._path, self._chance = cloud, path, chance
        self._server: asyncio.Server | None = None
        self._random: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, str(self._path), limit=MAX_REQUEST)
        self._path.chmod(0o600)
        self._random = asyncio.create_task(self._preempt_at_random())

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None and self._random is not None:
            self._random.cancel()
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            try:
                answer = {"ok": True, "said": self.carry_out(json.loads(await reader.readline()))}
            except FaultError as error:
                answer = {"ok": False, "said": str(error)}
            except (ValueError, TypeError, AttributeError) as error:
                answer = {"ok": False, "said": f"not a request: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()

    def carry_out(self, request: dict[str, Any]) -> str:
        """Do what is asked and record it; what was done, in words. FaultError."""
        if not hmac.compare_digest(str(request.pop("secret", "")).encode(), self._cloud.token[1].encode()):
            raise FaultError("the token is missing or not this cloud's")
        who, kind = str(request.pop("by", "somebody"))[:100], str(request.pop("kind", ""))
        action = getattr(self, f"_do_{kind.replace('-', '_')}", None)
        if action is None:
            raise FaultError(f"there is no fault {kind[:40]!r}")
        said: str = action(**request)
        self._cloud.fault_plan.record(who, kind, request)
        log.warning("fault on purpose, asked for by %s: %s", who, said)
        self._cloud.calls.changed.beat()
        return said

    def _do_preempt(self, task: str, grace: float = MAX_GRACE) -> str:
        container, grace = self._container(task), min(max(float(grace), 0.0), MAX_GRACE)
        self._cloud.containers.stop(container, grace=grace)
        return f"{container.task_id} is preempted with a grace of {grace:g} s"

    def _do_kill(self, task: str) -> str:
        container = self._container(task)
        processes.kill_group(container.pid)
        return f"{container.task_id} is killed"

    def _do_gpu_lost(self, task: str) -> str:
        container = self._container(task)
        self._cloud.logs.add(self._cloud.containers.origin(container), SYSTEM, [GPU_LINE])
        processes.kill_group(container.pid)
        return f"{container.task_id} has lost its GPU and crashed"

    def _do_commit_fail(self, volume: str, times: int = 1) -> str:
        self._cloud.fault_plan.now.commit_failures[self._volume(volume)] = max(0, int(times))
        return f"the next {int(times)} commits of {volume} fail"

    def _do_commit_slow(self, volume: str, seconds: float) -> str:
        self._cloud.fault_plan.now.commit_delays[self._volume(volume)] = max(0.0, float(seconds))
        return f"commits of {volume} take {float(seconds):g} s more"

    def _do_stale_reload(self, volume: str) -> str:
        self._cloud.fault_plan.now.stale_volumes.add(self._volume(volume))
        return f"reloads of {volume} bring nothing"

    def _do_no_capacity(self, seconds: float = FOR_EVER) -> str:
        self._cloud.fault_plan.now.capacity_from = clocks.now() + float(seconds)
        return "no container starts" + (f" for {float(seconds):g} s" if float(seconds) < FOR_EVER else "")

    def _do_slow_network(self, ms: float) -> str:
        self._cloud.fault_plan.now.network_delay = max(0.0, float(ms)) / 1000
        return f"every request takes {float(ms):g} ms more"

    def _do_preempt_rate(self, per_hour: float) -> str:
        self._cloud.fault_plan.now.preemptions_per_hour = max(0.0, float(per_hour))
        return f"each container is preempted {float(per_hour):g} times an hour, at random"

    def _do_clock_jump(self, seconds: float) -> str:
        clocks.jump(float(seconds))
        return f"the wall clock of the cloud has jumped by {float(seconds):+g} s"

    def _do_clear(self) -> str:
        self._cloud.fault_plan.clear()
        clocks.jump(-clocks.jumped())
        return "no fault is in force any more"

    def _container(self, task: str) -> Container:
        live = self._cloud.containers.live
        found = [c for task_id, c in live.items() if task and task_id.startswith(task) and not c.is_spare]
        if len(found) != 1:
            raise FaultError(f"{len(found)} running containers have an id that begins with {task[:40]!r}")
        return found[0]

    def _volume(self, name: str) -> str:
        with contextlib.suppress(KeyError):
            self._cloud.volumes.describe(name)
            return name
        volume_id = self._cloud.volumes.find(name)
        if volume_id is None:
            raise FaultError(f"there is no volume {name[:80]!r}")
        return volume_id

    async def _preempt_at_random(self) -> None:
        while True:
            await asyncio.sleep(RANDOM_SECONDS)
            share = self._cloud.fault_plan.now.preemptions_per_hour * RANDOM_SECONDS / 3600
            for container in list(self._cloud.containers.live.values()):
                if container.current and not container.stopping and self._chance() < share:
                    log.warning("random preemption of %s, as was asked for", container.task_id)
                    self._cloud.containers.stop(container)
