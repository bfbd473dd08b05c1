"""One live container: its process and what is known of it. It decides nothing."""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grpclib.server import Server

from remote.local_cloud.logs import LogTail
from remote.local_cloud.pulse import Pulse

if TYPE_CHECKING:
    from remote.local_cloud.template import Template

TEMPLATE_PROCESS = "template_process"
"""The kind of a process that runs no input: containers are forked from it."""


@dataclass(slots=True, kw_only=True)
class Container:
    """One live process and what is known of it.

    ``current`` is input id → call id of what it runs; ``doubtful`` are inputs that the last daemon
    gave it perhaps without its hearing of it; ``cancelled`` are inputs that it has yet to be told
    to abandon. It is ``ready`` once it has asked for an input, and takes ``slots`` of them at once.
    ``kill_at`` (unix seconds) is set once it has been interrupted. ``template`` is what it was forked
    from; ``moments`` of its start, see `starts`.
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
    template: Template | None = None
    moments: dict[str, float] = field(default_factory=dict)
    spare: bool = False
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
        return self.spare and not self.ready

    def note(self, moment: str) -> None:
        """A part of its start is over; only the first time counts."""
        self.moments.setdefault(moment, time.monotonic())

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
