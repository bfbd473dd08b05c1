"""Brings inputs and containers together: starts, warm spares, idle ends, timeouts, crash loops.

One loop looks at what is open whenever something changed. It knows how many containers a function
may have, not how one is started. A spare is a container held at Modal's own checkpoint call; it is
released when an input comes, and another is started some time after, so that it does not compete
with the start of the run that it was released for; at once when nothing runs, as in a backoff. Where
there is a template, containers and spares are forked from it, which competes with nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from remote.local_cloud import clocks, cluster_control, scheduler
from remote.local_cloud.apps import LIVE_STATES
from remote.local_cloud.calls import CANCELLED, Input, Result
from remote.local_cloud.container import Container
from remote.local_cloud.function import Function
from remote.local_cloud.logs import SYSTEM, Origin
from remote.local_cloud.mount_paths import By
from remote.local_cloud.scaling import Scaling
from remote.local_cloud.scheduler import Gone
from remote.local_cloud.template import TemplateError
from remote.local_cloud.time_scale import time_scale

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud

log = logging.getLogger(__name__)

SPARES_IN_ALL = 2
SPARE_DELAY_SECONDS = 15.0
STARTUP_SECONDS = 300
FAILED_STARTS_ALLOWED = 3
CANCEL_GRACE = 30.0
TICK_SECONDS = 1.0


class Pool:
    """The loop and what it remembers of starts, by a function's key."""

    def __init__(self, cloud: Cloud, *, spares: int | None = None) -> None:
        self._cloud = cloud
        self._spares = int(os.environ.get("LOCAL_CLOUD_SPARES", SPARES_IN_ALL)) if spares is None else spares
        self._called: set[str] = set()
        self._failed: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._spare_not_before: dict[str, float] = {}
        self._told: dict[tuple[str, float], float] = {}
        self._last_failure: dict[str, api_pb2.GenericResult] = {}
        cloud.containers.on_exit = self._container_gone

    async def run(self) -> None:
        """Keep inputs and containers matched until cancelled."""
        while True:
            try:
                await self._match()
            except Exception:
                log.exception("the pool's round failed; trying again")
                await asyncio.sleep(TICK_SECONDS)
            await self._cloud.calls.changed.wait(self._pause())

    async def _match(self) -> None:
        now = clocks.now()
        running = self._cloud.calls.running()
        self._give_back_lost(running, now)
        for item in running:
            self._check_limits(item, now)
        self._told = {key: at for key, at in self._told.items() if now - at < 2 * CANCEL_GRACE}
        waiting = self._cloud.calls.waiting(now)
        self._called |= waiting.keys()
        self._cloud.mount_paths.forget_waiting_but(waiting.keys())
        for function_id in waiting.keys() | self._kept_warm():
            await self._provide(self._cloud.apps.function(function_id), waiting[function_id], now)
        await self._keep_spares(now)
        self._end_slow_and_idle(now)
        cluster_control.end_remains(self._cloud, now)

    def _give_back_lost(self, running: Sequence[Input], now: float) -> None:
        """Inputs that are said to run in a container that is no more: its end was seen, and what should have
        come of it was not, because the daemon died in between or could not write."""
        live = self._cloud.containers.live
        for task_id in {item.state.task_id or "" for item in running} - live.keys():
            log.warning("container %s is no more; its inputs are given to another", task_id)
            self._cloud.calls.container_gone(task_id, Gone.CRASHED, now)

    async def _provide(self, function: Function, waiting: int, now: float) -> None:
        key = function.key
        if self._cloud.apps.get(function.app_id)["state"] not in LIVE_STATES:
            return
        own = [
            c
            for c in self._cloud.containers.live.values()
            if c.function_id == function.function_id and not self._cloud.clusters.follows(c.task_id)
        ]
        serving = [c for c in own if c.serves and c.key == key]
        scaling = self._cloud.apps.scaling(function)
        wanted = scaling.to_start(
            waiting=waiting,
            open_slots=sum(max(0, scaling.target - len(c.current)) for c in serving),
            containers=sum(1 for c in own if not c.parked and not c.stopping),
            idle=sum(1 for c in serving if c.is_idle),
        )
        wanted = self._with_paths(function, wanted)
        if wanted > 0 and (now < self._not_before.get(key, 0.0) or not self._cloud.fault_plan.has_capacity):
            return
        parked = [c for c in own if c.parked and c.key == key]
        for _ in range(wanted):
            self._spare_not_before[key] = now + SPARE_DELAY_SECONDS
            if parked:
                await self._release(parked.pop())
            else:
                await self._start(function)

    def _with_paths(self, function: Function, wanted: int) -> int:
        """How many of these can have their mount paths now. A path that is a link leads to one
        container; an idle one of another function makes room."""
        paths = self._cloud.mount_paths
        if wanted <= 0 or paths.ability.by is not By.LINK:
            return wanted
        wished, variables = self._cloud.mount_wishes(function)
        if paths.method(wished, variables) is not By.LINK:
            return wanted
        known = function.function_id in paths.waiting
        holder = self._cloud.containers.live.get(paths.waits_for(function.function_id, wished) or "")
        if holder is None:
            return 0 if function.function_id in paths.waiting else 1
        if not known:
            origin = Origin(app_id=function.app_id, function_id=function.function_id, task_id="")
            line = f"{function.name} waits for {paths.waiting[function.function_id]}: {paths.ability.why}\n"
            self._cloud.logs.add(origin, SYSTEM, [line])
        if holder.is_idle and holder.ready and holder.function_id != function.function_id:
            holder.draining = True
            self._cloud.calls.changed.beat()
        return 0

    def _kept_warm(self) -> set[str]:
        """Functions that want containers also while nothing waits: those with a minimum, once
        deployed, and those with a minimum or a buffer that were called."""
        called = {i for i in self._called if self._scaling(i).minimum or self._scaling(i).buffer}
        return called | {
            function.function_id
            for function in self._cloud.apps.live_functions()
            if self._scaling(function.function_id).minimum and not function.has_parameters
        }

    def _scaling(self, function_id: str) -> Scaling:
        return self._cloud.apps.scaling(self._cloud.apps.function(function_id))

    async def _start(self, function: Function, *, park: bool = False) -> None:
        """Fork a container from its template, or start it by itself where there is none that can."""
        if template := self._cloud.templates.ready(function.key):
            try:
                await self._cloud.containers.start(function, park=park, template=template)
                return
            except TemplateError as error:
                log.warning("%s starts without its template: %s", function.name, error)
        try:
            if size := function.definition._experimental_group_size:
                await cluster_control.start(self._cloud, function, size)
            else:
                await self._cloud.containers.start(function, park=park)
        except Exception as error:
            log.exception("a container of %s could not be started", function.name)
            text = f"the container could not be started: {type(error).__name__}: {error}"
            self._last_failure[function.key] = api_pb2.GenericResult(exception=text)
            self._start_failed(function.key, function.function_id)

    async def _release(self, container: Container) -> None:
        try:
            await self._cloud.containers.release(container)
        except Exception:
            log.exception("spare %s could not be released", container.task_id)
            self._cloud.containers.stop(container, grace=0.0)

    async def _keep_spares(self, now: float) -> None:
        spares = [c for c in self._cloud.containers.live.values() if c.is_spare and not c.stopping]
        templates = self._cloud.templates
        wanted = {f.key: f for f in self._cloud.spare_candidates()} if self._spares or templates.most else {}
        templates.keep(wanted, now)
        candidates = {key: f for key, f in wanted.items() if self._spares and not templates.may_come(f)}
        for container in spares:
            if container.key not in wanted:
                self._cloud.containers.stop(container, grace=0.0)
        covered = {c.key for c in spares}
        working = {c.key for c in self._cloud.containers.live.values() if not c.is_spare and not c.stopping}
        room = self._spares - len(covered & wanted.keys()) if self._cloud.fault_plan.has_capacity else 0
        for key, function in candidates.items():
            due = max(
                self._not_before.get(key, 0.0),
                self._spare_not_before.get(key, 0.0) if key in working and not templates.ready(key) else 0.0,
            )
            if room > 0 and key not in covered and now >= due:
                await self._start(function, park=True)
                room -= 1

    def _end_slow_and_idle(self, now: float) -> None:
        serving: dict[str, list[Container]] = {}
        for container in self._cloud.containers.live.values():
            definition = self._cloud.apps.function(container.function_id).definition
            if not container.ready:
                self._check_start(container, definition.startup_timeout_secs, now)
            if container.serves and not self._cloud.clusters.follows(container.task_id):
                serving.setdefault(container.function_id, []).append(container)
        for function_id, containers in serving.items():
            self._end_idle(self._scaling(function_id), containers, now)

    def _end_idle(self, scaling: Scaling, containers: list[Container], now: float) -> None:
        idle = sorted((c for c in containers if c.is_idle and c.ready), key=lambda c: c.idle_since)
        keep = scaling.to_keep_idle(containers=len(containers), idle=len(idle))
        for container in idle[: len(idle) - keep]:
            if now - container.idle_since > scaling.idle_seconds:
                container.draining = True
                self._cloud.calls.changed.beat()

    def _check_start(self, container: Container, limit: int, now: float) -> None:
        """Give up a container that takes too long to become ready."""
        limit = limit or STARTUP_SECONDS
        if container.parked or container.stopping or now - container.enqueued_at <= limit:
            return
        text = f"the container was not ready within {limit} s"
        self._last_failure[container.key] = api_pb2.GenericResult(exception=text)
        self._cloud.containers.stop(container, grace=0.0, preempted=False)
        self._start_failed(container.key, container.function_id)

    def _check_limits(self, item: Input, now: float) -> None:
        """Tell an input that ran into its timeout; end one that was told and does not end."""
        container = self._cloud.containers.live.get(item.state.task_id or "")
        started = item.state.started_at or now
        if item.cancelled_at is not None:
            if now - item.cancelled_at > CANCEL_GRACE * time_scale():
                result = Result(status=Result.GENERIC_STATUS_TERMINATED, exception=CANCELLED)
                self._end_by_force(item, container, result)
            return
        limit = self._cloud.apps.function(item.function_id).definition.timeout_secs
        if not limit or container is None or now - started <= limit:
            return
        told = self._told.setdefault((item.input_id, started), now)
        if told == now:
            cluster_control.cancel_input(self._cloud, container, item.input_id)
        elif now - told > CANCEL_GRACE * time_scale():
            result = Result(status=Result.GENERIC_STATUS_TIMEOUT, exception=f"timed out after {limit} s")
            self._end_by_force(item, container, result)

    def _end_by_force(self, item: Input, container: Container | None, result: api_pb2.GenericResult) -> None:
        output = api_pb2.FunctionPutOutputsItem(
            input_id=item.input_id, result=result, retry_count=item.state.retry_count
        )
        if container is not None:  # first: the next try must not begin beside a container that lives on
            container.current.pop(item.input_id, None)
            self._cloud.containers.stop(container, grace=0.0, preempted=False)
        self._cloud.calls.put_output(item.state.task_id or "", output, clocks.now())

    def failed_to_start(self, container: Container, result: api_pb2.GenericResult) -> None:
        """A container says that its code cannot be loaded."""
        self._last_failure[container.key] = result

    def _container_gone(self, container: Container, why: Gone) -> None:
        cluster_control.member_gone(self._cloud, container)
        if container.ready:  # also one that was not needed any more
            self._failed.pop(container.key, None)
            self._not_before.pop(container.key, None)
        elif why is Gone.CRASHED and not container.stopping:
            self._start_failed(container.key, container.function_id)
        self._cloud.calls.changed.beat()

    def _start_failed(self, key: str, function_id: str) -> None:
        """Wait longer after each start that failed; after some, fail what waits for it."""
        self._failed[key] += 1
        self._not_before[key] = clocks.now() + min(2.0 ** (self._failed[key] - 1), 60.0)
        if self._failed[key] < FAILED_STARTS_ALLOWED:
            return
        result = self._last_failure.get(key) or api_pb2.GenericResult(
            exception=f"the container died {self._failed[key]} times before it took an input"
        )
        result.status = api_pb2.GenericResult.GENERIC_STATUS_INIT_FAILURE
        now = clocks.now()
        waiting = [i for i in self._cloud.calls.open_inputs() if i.function_id == function_id]
        self._cloud.calls.finish([i for i in waiting if scheduler.startable(i.state, now)], result)

    def _pause(self) -> float:
        """Seconds until something is due anyway."""
        due = self._cloud.calls.next_due()
        return TICK_SECONDS if due is None else min(TICK_SECONDS, max(0.01, due - clocks.now()))
