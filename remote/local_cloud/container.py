"""One live container: its process and what is known of it. It decides nothing."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from grpclib.server import Server

from remote.local_cloud.logs import LogTail
from remote.local_cloud.pulse import Pulse


@dataclass(slots=True, kw_only=True)
class Container:
    """One live process and what is known of it.

    ``current`` is input id → call id of what it runs; ``doubtful`` are inputs that the last daemon
    gave it perhaps without its hearing of it; ``cancelled`` are inputs that it has yet to be told
    to abandon. It is ``ready`` once it has asked for an input, and takes ``slots`` of them at once.
    ``kill_at`` (unix seconds) is set once it has been interrupted.
    """

    task_id: str
    function_id: str
    app_id: str
    key: str
    directory: Path
    pid: int
    pid_mark: str
    child: subprocess.Popen[bytes] | None
    start_kind: str
    enqueued_at: float
    slots: int = 1
    single_use: bool = False
    server: Server | None = None
    parked: bool = False
    ready: bool = False
    started_at: float | None = None
    kill_at: float | None = None
    preempted: bool = False
    draining: bool = False
    current: dict[str, str] = field(default_factory=dict)
    doubtful: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    idle_since: float = 0.0
    tails: list[LogTail] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    wake: Pulse = field(default_factory=Pulse)

    @property
    def stopping(self) -> bool:
        """Whether it has been interrupted."""
        return self.kill_at is not None

    @property
    def is_spare(self) -> bool:
        """Whether it waits, parked or on its way there, for its first input."""
        return self.start_kind == "warm_spare" and not self.ready

    def read_output(self) -> None:
        """Take what it has printed by now, as output of what it runs now."""
        for tail in self.tails:
            tail.read()

    @property
    def serves(self) -> bool:
        """Whether it will go on asking for inputs by itself."""
        return not (self.parked or self.stopping or self.draining)

    @property
    def is_idle(self) -> bool:
        """Whether it serves, and has no input now."""
        return self.serves and not self.current
