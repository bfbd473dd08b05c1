"""How many containers a function should have, and how many inputs each takes: pure arithmetic.

    scaling = Scaling.of(definition, overridden)
    scaling.to_start(waiting=5, open_slots=2, containers=1, idle=0)   # how many to start now

It knows Modal's settings under all the names that they have had; it knows no container.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from modal_proto import api_pb2

MOST_CONTAINERS = 8
IDLE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """``slots`` is how many inputs a container may run at once, ``target`` how many it should;
    ``buffer`` is how many containers stay idle while others work; ``idle_seconds`` how long a
    container waits for work before it ends. Of a clustered function each container is a cluster."""

    minimum: int = 0
    maximum: int = MOST_CONTAINERS
    buffer: int = 0
    idle_seconds: float = IDLE_SECONDS
    slots: int = 1
    target: int = 1
    single_use: bool = False

    @classmethod
    def of(
        cls, definition: api_pb2.Function, overridden: api_pb2.AutoscalerSettings | None = None
    ) -> Scaling:
        """The settings of a function, those set later by `update_autoscaler` winning."""
        settings = api_pb2.AutoscalerSettings()
        settings.CopyFrom(definition.autoscaler_settings)
        settings.MergeFrom(overridden or api_pb2.AutoscalerSettings())

        def setting(name: str, older: int) -> int:
            return int(getattr(settings, name)) if settings.HasField(name) else older  # type: ignore[arg-type]

        batch = max(1, definition.batch_max_size)
        slots = max(1, definition.max_concurrent_inputs) * batch
        size = max(1, definition._experimental_group_size)
        minimum = math.ceil(setting("min_containers", definition.warm_pool_size) / size)
        maximum = setting("max_containers", definition.concurrency_limit) or MOST_CONTAINERS
        maximum = max(1, maximum // size)
        return cls(
            minimum=min(minimum, maximum),
            maximum=maximum,
            buffer=math.ceil(setting("buffer_containers", definition._experimental_buffer_containers) / size),
            idle_seconds=setting("scaledown_window", definition.task_idle_timeout_secs) or IDLE_SECONDS,
            slots=slots,
            target=min(slots, definition.target_concurrent_inputs * batch or slots),
            single_use=definition.single_use_containers or definition.max_inputs == 1,
        )

    def to_start(self, *, waiting: int, open_slots: int, containers: int, idle: int) -> int:
        """How many containers to start: for what waits and finds no slot, for the minimum, for the
        buffer. ``containers`` are those that run or start, ``idle`` those of them without an input."""
        needed = math.ceil(max(0, waiting - open_slots) / max(1, self.target))
        if waiting > 0 or containers > idle:
            needed += max(0, self.buffer - max(0, idle - waiting))
        needed = max(needed, self.minimum - containers)
        return max(0, min(needed, self.maximum - containers))

    def to_keep_idle(self, *, containers: int, idle: int) -> int:
        """How many idle containers must not end although they have waited long enough."""
        buffer = self.buffer if containers > idle else 0
        return max(buffer, self.minimum - (containers - idle), 0)

    def headroom(self, running: Iterable[int]) -> int:
        """How many more inputs there is room for in containers that run so many now."""
        return sum(max(0, self.slots - inputs) for inputs in running)
