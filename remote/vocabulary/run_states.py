"""The states of a run, of one attempt, and of our own view of them: three separate axes.

A run is what the operator asked for; an attempt is one container's try at it; freshness says how
old our knowledge is. Freshness never changes a state: nothing is concluded from silence alone.
"""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Is it all right? Terminal states are final; what comes later is a new event."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PREEMPTING = "PREEMPTING"
    RECOVERING = "RECOVERING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended (a resume starts it anew, as a new call)."""
        return self in (RunState.STOPPED, RunState.SUCCEEDED, RunState.FAILED)


class FailureReason(StrEnum):
    """Why a run is FAILED."""

    USER_ERROR = "user_error"
    SETUP_ERROR = "setup_error"
    RETRIES_EXHAUSTED = "retries_exhausted"
    CRASH_LOOP = "crash_loop"
    TIMEOUT = "timeout"
    NO_CAPACITY = "no_capacity"
    ENGINE_ERROR = "engine_error"


class AttemptPhase(StrEnum):
    """Where in its life an attempt is."""

    BOOTING = "BOOTING"
    CLAIMED = "CLAIMED"
    LOADING = "LOADING"
    STEPPING = "STEPPING"
    CHECKPOINTING = "CHECKPOINTING"
    COMMITTING = "COMMITTING"
    DRAINING = "DRAINING"
    ENDED = "ENDED"


class EndCause(StrEnum):
    """Why an attempt ended. Where public signs do not tell, it is ``killed_unknown``."""

    COMPLETED = "completed"
    PREEMPTED_DRAINED = "preempted_drained"
    PREEMPTED_KILLED = "preempted_killed"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    OOM = "oom"
    KILLED_UNKNOWN = "killed_unknown"
    LOST = "lost"
    FENCED = "fenced"
    STOPPED = "stopped"


class StartKind(StrEnum):
    """How an attempt's process came to be. A warm spare is never called a snapshot."""

    COLD = "cold"
    WARM_SPARE = "warm_spare"
    TEMPLATE = "template"
    SNAPSHOT = "snapshot"

    @property
    def words(self) -> str:
        """As it is said: ``cold start``, ``warm spare``."""
        return "cold start" if self is StartKind.COLD else self.value.replace("_", " ")


class Freshness(StrEnum):
    """How old our knowledge of a live run is, counted by arrival on the watcher's clock."""

    LIVE = "LIVE"
    LATE = "LATE"
    SILENT = "SILENT"
    UNREACHABLE = "UNREACHABLE"


LATE_AFTER_SECONDS = 5.0
SILENT_AFTER_SECONDS = 60.0


def freshness(age_seconds: float, *, reachable: bool = True, spoken: bool = True) -> Freshness:
    """Name the age of the last sign of life; ``reachable`` is the state of our own link. A run that has not
    ``spoken`` yet counts from its spawn: a first boot may take long and says nothing, so it is not late, but
    silent at last."""
    if not reachable:
        return Freshness.UNREACHABLE
    if age_seconds < (LATE_AFTER_SECONDS if spoken else SILENT_AFTER_SECONDS):
        return Freshness.LIVE
    return Freshness.LATE if age_seconds < SILENT_AFTER_SECONDS else Freshness.SILENT
