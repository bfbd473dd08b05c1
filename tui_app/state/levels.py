"""How much a run says of itself: ours, or somebody else's at one of three levels of supervision.

    Level.L0    nothing: what the platform says of its call, its containers, what they print
    Level.L1    its printed lines are read as steps and curves
    Level.L2    its trainer uses `remote/emitter.py`: events, commits, commands
    Level.OWN   our own trainer

``reported(view)`` gives the counters as far as anything reports them. None is "not reported", and no
reader may take it for 0. Pure; knows views by their fields alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tui_app.state.view import RunView


class Level(StrEnum):
    """What stands behind what is shown."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    OWN = "own"

    @property
    def has_records(self) -> bool:
        """Whether the trainer writes a run's records: claims, events, commits, and reads commands."""
        return self in (Level.L2, Level.OWN)

    @property
    def words(self) -> str:
        """The level in a few words."""
        return _WORDS[self]


_WORDS = {
    Level.L0: "level 0: followed from outside, it emits nothing",
    Level.L1: "level 1: its printed lines are read",
    Level.L2: "level 2: its trainer uses the emitter",
    Level.OWN: "Middlewatch's own trainer",
}


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of a run; None is not reported."""

    step: int | None = None
    uncommitted: int | None = None
    retries_used: int | None = None
    preemptions: int | None = None
    steps_redone: int | None = None
    commits: int | None = None
    commit_failures: int | None = None
    committed_lost: int | None = None


def reported(view: RunView) -> Reported:
    """What this run's counters are known to be.

    A foreign run has no retry count: no public call tells it. A preemption that the platform wrote into
    the logs is known, but that it wrote none means nothing. Until an emitter has told of a commit,
    nothing is known of commits: its trainer may keep checkpoints of its own.
    """
    if view.level is Level.OWN:
        return Reported(
            step=view.step,
            uncommitted=view.uncommitted_steps,
            retries_used=view.retries_used,
            preemptions=view.preemptions,
            steps_redone=view.steps_redone,
            commits=view.commit_count,
            commit_failures=view.commit_failures,
            committed_lost=view.committed_lost,
        )
    seen = view.preemptions or None
    if view.level is not Level.L2:
        return Reported(step=view.step or None, preemptions=seen)
    commits = bool(view.commits)
    return Reported(
        step=view.step if view.attempts else None,
        uncommitted=view.uncommitted_steps if commits else None,
        preemptions=view.preemptions if view.attempts else None,
        steps_redone=view.steps_redone if view.attempts else None,
        commits=view.commit_count if commits else None,
        committed_lost=view.committed_lost if commits else None,
    )


def needs_records(view: RunView, what: str) -> str | None:
    """Why ``what`` cannot be asked of this run's trainer, as a sentence; None where it can."""
    if view.level.has_records:
        return None
    return f"{what} needs level 2: the trainer of {view.run} does not read commands ({view.level})"
