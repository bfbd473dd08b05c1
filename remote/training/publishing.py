"""One checkpoint from a copied state to a recognised commit: saved, committed with retries, pruned after.

    work = Publication(Snapshot(step, files, about, reason), crew)
    work.start()                # in a thread of its own, behind the steps that follow
    work.wait(5.0)              # True when it is over
    work.check()                # raises what it failed with

The same work can be done in front, by `run`. Each fact is said when it is one, from whichever thread
it is. At most one is under way at a time, which is its owner's business; files' formats, and where
they are kept, are not known here.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Literal

from remote.training.interrupts import Interrupt
from remote.training.pace import Pace
from remote.training.ports import Checkpoints, CommitFailedError, FileWriter, Recognised, Recorder, Saved
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import RunConfig

COMMIT_TRIES = 5
COMMIT_RETRY_SECONDS = 1.0
MARGIN_SECONDS = 0.5
ASSUMED_COMMIT_SECONDS = 0.5

Reason = Literal["interval", "operator", "preemption", "stop", "final"]
Stage = Literal["save", "commit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A copy of the state after ``step``, as writers of its files, and why it was taken."""

    step: int
    files: Mapping[str, FileWriter]
    about: Mapping[str, Any]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What every publication of an attempt works with.

    ``pause`` is a sleep that an interrupt cuts short; ``interrupt`` the one that was noted, which sets
    a deadline for retries; ``stage`` hears what begins, ``committed`` which step is safe now.
    """

    config: RunConfig
    checkpoints: Checkpoints
    recorder: Recorder
    pace: Pace
    mono: Callable[[], float]
    pause: Callable[[float], None]
    interrupt: Callable[[], Interrupt | None]
    committed: Callable[[int], None]


class AbandonedError(RuntimeError):
    """The attempt has said its last words: no further commit may begin."""


class Publication:
    """One snapshot becoming a checkpoint that counts. Done once.

    ``stage`` began at ``since`` (mono); ``over`` says that nothing more happens.
    """

    def __init__(self, snapshot: Snapshot, crew: Crew, on_commit: Callable[[], None] = lambda: None) -> None:
        self.step = snapshot.step
        self.stage: Stage = "save"
        self.since = crew.mono()
        self.over = False
        self._snapshot: Snapshot | None = snapshot
        self._crew, self._on_commit = crew, on_commit
        self._abandoned = False
        self._error: BaseException | None = None
        # Not an Event: a waiter that is interrupted must not leave a lock behind that the thread needs.
        self._wake: SimpleQueue[None] = SimpleQueue()

    @property
    def failed(self) -> bool:
        """Whether it is over and the step is not committed by it."""
        return self._error is not None

    def start(self) -> None:
        """Do it in a thread of its own."""
        # Not threading.Thread: its start waits with a lock that an interrupt here would leave taken.
        _thread.start_new_thread(self._run_behind, ())

    def run(self) -> None:
        """Do it here. What the store raises; CommitFailedError after COMMIT_TRIES, or as soon as an
        interrupt leaves no time for another try; FencedError."""
        try:
            self._publish()
        finally:
            self.over = True

    def wait(self, seconds: float) -> bool:
        """Wait until it is over, at most so long; whether it is."""
        if not self.over:
            with suppress(Empty):
                self._wake.get(timeout=max(0.0, seconds))
        return self.over

    def check(self) -> None:
        """Raise what `start` failed with."""
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Let no further try of the commit begin."""
        self._abandoned = True

    def _run_behind(self) -> None:
        try:
            self._publish()
        except BaseException as error:
            self._error = error
        finally:
            self.over = True
            self._wake.put(None)

    def _publish(self) -> None:
        saved = self._save()
        self._on_commit()
        self._commit(saved)
        if self._crew.interrupt() is None and not self._abandoned:
            self._prune()

    def _save(self) -> Saved:
        snapshot = self._snapshot
        assert snapshot is not None, "a publication is done once"
        self._enter("save")
        saved = self._crew.checkpoints.save(snapshot.step, snapshot.files, snapshot.about)
        self._crew.pace.record("save", self._crew.mono() - self.since)
        self._snapshot = None  # the copy is as large as the state itself
        self._crew.recorder.emit(
            "checkpoint.saved",
            step=saved.step,
            name=saved.name,
            bytes=saved.bytes,
            seconds=saved.seconds,
            reason=snapshot.reason,
        )
        return saved

    def _commit(self, saved: Saved) -> None:
        crew = self._crew
        for attempt in range(1, COMMIT_TRIES + 1):
            if self._abandoned:
                raise AbandonedError(f"step {saved.step} was not committed any more")
            self._enter("commit")
            # A step that is committed is not done again: what it said has to be in the live log by then.
            crew.recorder.flush()
            try:
                recognised = crew.checkpoints.commit(saved)
            except CommitFailedError as error:
                again = attempt < COMMIT_TRIES and self._time_for_another()
                self._say_failed(saved, error, attempt, again)
                if not again:
                    raise
                crew.pause(COMMIT_RETRY_SECONDS)
            else:
                seconds = crew.mono() - self.since
                crew.pace.record("commit", seconds)
                crew.committed(saved.step)
                self._say_committed(saved, recognised, seconds, attempt)
                return

    def _enter(self, stage: Stage) -> None:
        self.stage, self.since = stage, self._crew.mono()

    def _time_for_another(self) -> bool:
        interrupt = self._crew.interrupt()
        measured = self._crew.pace.expected("commit")
        commit = ASSUMED_COMMIT_SECONDS if measured is None else measured
        needed = COMMIT_RETRY_SECONDS + commit + MARGIN_SECONDS
        return interrupt is None or interrupt.left(self._crew.mono()) > needed

    def _prune(self) -> None:
        config = self._crew.config
        for gone in self._crew.checkpoints.prune(config.keep_last, config.keep_every):
            self._crew.recorder.emit("checkpoint.deleted", step=gone.step, name=gone.name)

    def _say_failed(self, saved: Saved, error: CommitFailedError, attempt: int, again: bool) -> None:
        retry_in = {"retry_in": COMMIT_RETRY_SECONDS} if again else {}
        self._crew.recorder.emit(
            "volume.commit_failed",
            sev=Severity.WARN,
            step=saved.step,
            name=saved.name,
            error=str(error),
            **{"try": attempt},
            **retry_in,
        )

    def _say_committed(self, saved: Saved, recognised: Recognised, seconds: float, tries: int) -> None:
        self._crew.recorder.emit(
            "volume.committed",
            step=saved.step,
            name=recognised.name,
            position=recognised.position,
            bytes=saved.bytes,
            seconds=round(seconds, 6),
            tries=tries,
        )
