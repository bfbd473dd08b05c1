"""What an operator can know of one run, as a frozen value.

    view = fold(RunView(run="r7"), event)     # tui_app.state.fold
    view.committed_step, view.uncommitted_steps, view.steps_redone

A view holds the present and short tails (sparkline, recent commits); whole series are read from the
journal by whoever draws them. It can be written as JSON and read back, which is how the watcher
keeps the newest one of each run for viewers that only list. What was never reported is None and is
shown as "not reported", never as 0. Times are unix seconds, durations seconds, sizes bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from remote.vocabulary.run_states import AttemptPhase, EndCause, FailureReason, RunState, StartKind
from tui_app.state.evaluation import EvaluationView
from tui_app.state.gpu_load import GpuLoad
from tui_app.state.levels import Level

REWARD_TAIL = 64
RECENT_COMMITS = 32


class CommitView(msgspec.Struct, frozen=True, kw_only=True):
    """One recognised checkpoint: its record won ``position`` in the run's commit log."""

    step: int
    name: str
    position: int
    bytes: int
    seconds: float
    tries: int
    t: float
    attempt: int


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Events ``first``..``last`` (inclusive sequence numbers) of a source that never arrived."""

    attempt: int
    source: str
    first: int
    last: int


class PhaseSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A phase that an attempt entered at ``t``."""

    phase: AttemptPhase
    t: float


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One container's try. ``steps_redone`` counts the steps that this attempt had to repeat."""

    number: int
    generation: int = 1
    start: StartKind | None = None
    boot_seconds: float | None = None
    task_id: str = ""
    host: str = ""
    claimed_at: float
    resumed_from: int = 0
    first_step: int | None = None
    last_step: int = 0
    steps_redone: int = 0
    phases: tuple[PhaseSpan, ...] = ()
    ended_at: float | None = None
    cause: EndCause | None = None
    evidence: str = ""
    inferred: bool = False


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """A wait before retry ``retry`` of ``of``: ``delay`` seconds, over at ``due``."""

    retry: int
    of: int
    delay: float
    due: float


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that must leave by ``deadline``; ``saving`` says whether it still tries to save."""

    cause: str
    deadline: float
    saving: bool
    why: str


class NextDrill(msgspec.Struct, frozen=True, kw_only=True):
    """A fault on purpose that is still to come at the end of ``step``."""

    kind: str
    step: int


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One run as its events tell it. ``attempts`` is oldest first; ``metrics`` are the newest step's."""

    run: str
    level: Level = Level.OWN
    function: str = ""
    """The function that a foreign call is of, as the platform names it."""
    state: RunState = RunState.QUEUED
    state_since: float | None = None
    reason: FailureReason | None = None
    detail: str = ""
    config: dict[str, Any] = {}
    generation: int = 0
    call_id: str = ""
    spawned_at: float | None = None
    by: str = ""
    host: str = ""
    model: str = ""
    parameters: int | None = None

    attempts: tuple[AttemptView, ...] = ()
    phase: AttemptPhase | None = None
    phase_since: float | None = None

    step: int = 0
    of: int | None = None
    step_at: float | None = None
    step_seconds: tuple[float, ...] = ()
    """Durations of the newest steps, oldest first, at most 32."""
    metrics: dict[str, float] = {}
    reward_tail: tuple[float, ...] = ()
    tokens_per_second: float | None = None

    gpu_requested: str | None = None
    gpu_requested_count: int | None = None
    gpu_count: int | None = None
    cpu_demo: bool = False
    gpu_load: GpuLoad | None = None
    """What the GPUs were doing when the host was last sampled; None where no sample told of any."""

    saved_step: int | None = None
    saved_at: float | None = None
    commits: tuple[CommitView, ...] = ()
    """The newest recognised commits, oldest first, at most RECENT_COMMITS."""
    commit_count: int = 0
    commit_failures: int = 0
    commit_retry_at: float | None = None
    """When a failed commit is tried again; None when the last one went through."""

    retries_used: int = 0
    max_retries: int | None = None
    preemptions: int = 0
    backoff: Backoff | None = None
    drain: Drain | None = None
    drills: tuple[NextDrill, ...] = ()
    drill_text: str = ""
    """What was announced and has not happened yet."""
    steps_redone: int = 0
    committed_lost: int = 0
    """Steps that were reported committed and are gone: an attempt resumed below them without being
    asked to. Promise P1 is that this is 0."""

    evaluation: EvaluationView | None = None
    """What was last asked for beside the run; never the trainer's own."""

    last_event_at: float | None = None
    events: int = 0
    gaps: tuple[Gap, ...] = ()
    seen: dict[str, int] = {}
    """Highest sequence number by "attempt/source", for finding gaps."""

    @property
    def attempt(self) -> AttemptView | None:
        """The newest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def committed(self) -> CommitView | None:
        """The newest recognised checkpoint."""
        return self.commits[-1] if self.commits else None

    @property
    def committed_step(self) -> int:
        """The step that a kill now would go back to; 0 is the start."""
        return self.commits[-1].step if self.commits else 0

    @property
    def uncommitted_steps(self) -> int:
        """Steps that a kill now would cost."""
        return max(0, self.step - self.committed_step)
