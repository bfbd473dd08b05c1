"""What the step loop needs from outside, as protocols: it knows no modal, no file layout, no clock.

`remote.trainer_app` plugs `remote.records` in; a test can plug in anything that keeps the contract.
Times are seconds; steps are 1-based numbers of finished optimiser steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from remote.vocabulary.commands import Command
from remote.vocabulary.events import Severity

FileWriter = Callable[[Path], None]
"""Writes one complete file at the path it is given; the store fsyncs and publishes it."""


class FencedError(RuntimeError):
    """A newer attempt of this run exists: nothing that this one does counts any more."""


class CommitFailedError(RuntimeError):
    """The volume did not take the commit this time; trying again may help."""


class Recorder(Protocol):
    """Says what happened. Never blocks on the network and never raises."""

    def emit(self, type: str, /, *, sev: Severity = Severity.INFO, **data: Any) -> None:
        """One event, numbered and on its way."""

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything emitted so far is in the live log; False if time ran out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint that is complete on the local side of the volume and not yet committed."""

    step: int
    name: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A checkpoint whose record won its position in the commit log."""

    step: int
    name: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A checkpoint that was recognised once and cannot be read now."""

    name: str
    why: str


class Checkpoints(Protocol):
    """Where states are kept. One attempt's handle: it carries the attempt's token."""

    def save(self, step: int, files: Mapping[str, FileWriter], about: Mapping[str, Any]) -> Saved:
        """Write and publish locally: temporary directory, fsync, manifest last, rename."""

    def commit(self, saved: Saved) -> Recognised:
        """Commit the volume, then win the next position. CommitFailedError, FencedError."""

    def newest(self) -> tuple[Recognised, Path] | None:
        """The checkpoint that this attempt was told to start from, verified; None is step 0."""

    def skipped(self) -> Sequence[Damaged]:
        """What `newest` passed over."""

    def prune(self, keep_last: int, keep_every: int) -> Sequence[Recognised]:
        """Delete recognised checkpoints beyond the rule, never the newest; what was deleted."""


class Commands(Protocol):
    """What the operator asked of this attempt."""

    def poll(self) -> Sequence[Command]:
        """Commands not yet taken, each at most once, aimed at this attempt and not expired. Does
        no network I/O: a thread behind it has fetched them."""


class Platform(Protocol):
    """What the place where we run can do beyond running us."""

    def preempt_me(self, grace: float) -> bool:
        """Ask for a real preemption of this container with this grace; False if it cannot."""

    def fail_next_commit(self) -> bool:
        """Ask that the next volume commit fails once; False if it cannot."""

    def once(self, what: str) -> bool:
        """True the first time in the run's life that ``what`` is asked, over all attempts."""
