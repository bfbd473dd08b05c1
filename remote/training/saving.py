"""A checkpoint from the learner's files to a recognised commit, with every fact said on the way.

Knows the order (save, commit with retries, prune), how long each took, and so how far the attempt is
and how much of that would survive a kill. Knows neither files' formats nor where they are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from remote.training.interrupts import Interrupt
from remote.training.pace import Pace
from remote.training.ports import Checkpoints, CommitFailedError, Recognised, Recorder, Saved
from remote.training.step_record import SteppingLearner
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import RunConfig
from remote.vocabulary.run_states import AttemptPhase

COMMIT_TRIES = 5
COMMIT_RETRY_SECONDS = 1.0
MARGIN_SECONDS = 0.5
BYTES_A_PARAMETER = 12
ASSUMED_BYTES_PER_SECOND = 100e6
ASSUMED_SECONDS = 0.5
"""Until a save was measured: a weight and two moments in four bytes each, at a modest disk's rate."""

Reason = Literal["interval", "operator", "preemption", "stop", "final"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt stands: finished steps, and the newest recognised checkpoint (0: none)."""

    step: int
    committed_step: int

    @property
    def uncommitted(self) -> int:
        """Steps that a kill now would cost."""
        return self.step - self.committed_step

    @property
    def lost(self) -> str:
        """What the next attempt does again, in words."""
        if self.uncommitted <= 0:
            return f"step {self.committed_step} is committed, no step will be redone"
        steps = "1 step" if self.uncommitted == 1 else f"{self.uncommitted} steps"
        return f"{steps} after committed step {self.committed_step} will be redone"


class Saver:
    """Makes the steps of one learner count.

    Args:
        pause: sleep that an interrupt cuts short.
        interrupt: the interrupt that was noted, if any: it sets a deadline for retries.
    """

    def __init__(
        self,
        config: RunConfig,
        checkpoints: Checkpoints,
        recorder: Recorder,
        pace: Pace,
        *,
        mono: Callable[[], float],
        pause: Callable[[float], None],
        interrupt: Callable[[], Interrupt | None],
    ) -> None:
        self._config, self._checkpoints, self._recorder = config, checkpoints, recorder
        self._pace, self._mono, self._pause, self._interrupt = pace, mono, pause, interrupt
        self._learner: SteppingLearner | None = None
        self._committed_step = 0

    @property
    def place(self) -> Place:
        """Where the attempt stands now."""
        return Place(0 if self._learner is None else self._learner.steps_done, self._committed_step)

    @property
    def possible(self) -> bool:
        """Whether there is something to save that can be saved at this moment."""
        return self._learner is not None and self._learner.consistent and self.place.uncommitted > 0

    def resume(self, learner: SteppingLearner) -> None:
        """From now on this learner's steps are saved; it starts from the newest recognised
        checkpoint if there is one. What was passed over for it is reported."""
        self._learner = learner
        began = self._mono()
        found = self._checkpoints.newest()
        for damaged in self._checkpoints.skipped():
            self._recorder.emit("checkpoint.skipped", sev=Severity.WARN, name=damaged.name, why=damaged.why)
        if found is None:
            return
        recognised, path = found
        learner.load(path)
        self._committed_step = recognised.step
        self._recorder.emit(
            "checkpoint.loaded",
            step=recognised.step,
            name=recognised.name,
            position=recognised.position,
            seconds=round(self._mono() - began, 6),
        )

    def seconds_needed(self) -> float:
        """A careful estimate of save and commit, with its margin."""
        parameters = 0 if self._learner is None else self._learner.parameters
        assumed = ASSUMED_SECONDS + parameters * BYTES_A_PARAMETER / ASSUMED_BYTES_PER_SECOND
        save = self._pace.expected("save")
        save = assumed if save is None else save
        return 2 * (save + self._seconds_to_commit(save)) + MARGIN_SECONDS

    def seconds_to_finish(self) -> float | None:
        """The same for what is under way: None if neither a save nor a commit is."""
        if self._pace.activity not in ("save", "commit"):
            return None
        left = self._pace.remaining()
        if left is None:
            return self.seconds_needed()
        then = self._seconds_to_commit(left) if self._pace.activity == "save" else 0.0
        return 2 * (left + then) + MARGIN_SECONDS

    def save(self, reason: Reason) -> None:
        """Save and commit the last finished step, unless it is committed already.

        CommitFailedError after COMMIT_TRIES, or as soon as an interrupt leaves no time for another
        try; FencedError.
        """
        learner = self._learner
        if learner is None or self.place.uncommitted == 0:
            return
        self._phase(AttemptPhase.CHECKPOINTING)
        with self._pace.timed("save"):
            saved = self._checkpoints.save(learner.steps_done, learner.files(), learner.about())
        self._recorder.emit(
            "checkpoint.saved",
            step=saved.step,
            name=saved.name,
            bytes=saved.bytes,
            seconds=saved.seconds,
            reason=reason,
        )
        self._phase(AttemptPhase.COMMITTING)
        self._commit(saved)
        if reason != "preemption" and self._interrupt() is None:
            self._prune()
        if reason in ("interval", "operator"):
            self._phase(AttemptPhase.STEPPING)

    def _commit(self, saved: Saved) -> None:
        for attempt in range(1, COMMIT_TRIES + 1):
            began = self._mono()
            try:
                with self._pace.timed("commit"):
                    recognised = self._checkpoints.commit(saved)
            except CommitFailedError as error:
                again = attempt < COMMIT_TRIES and self._time_for_another()
                self._say_failed(saved, error, attempt, again)
                if not again:
                    raise
                self._pause(COMMIT_RETRY_SECONDS)
            else:
                self._committed_step = saved.step
                self._say_committed(saved, recognised, self._mono() - began, attempt)
                return

    def _time_for_another(self) -> bool:
        interrupt = self._interrupt()
        needed = COMMIT_RETRY_SECONDS + self._seconds_to_commit(ASSUMED_SECONDS) + MARGIN_SECONDS
        return interrupt is None or interrupt.left(self._mono()) > needed

    def _prune(self) -> None:
        for gone in self._checkpoints.prune(self._config.keep_last, self._config.keep_every):
            self._recorder.emit("checkpoint.deleted", step=gone.step, name=gone.name)

    def _seconds_to_commit(self, otherwise: float) -> float:
        measured = self._pace.expected("commit")
        return otherwise if measured is None else measured

    def _say_failed(self, saved: Saved, error: CommitFailedError, attempt: int, again: bool) -> None:
        retry_in = {"retry_in": COMMIT_RETRY_SECONDS} if again else {}
        self._recorder.emit(
            "volume.commit_failed",
            sev=Severity.WARN,
            step=saved.step,
            name=saved.name,
            error=str(error),
            **{"try": attempt},
            **retry_in,
        )

    def _say_committed(self, saved: Saved, recognised: Recognised, seconds: float, tries: int) -> None:
        self._recorder.emit(
            "volume.committed",
            step=saved.step,
            name=recognised.name,
            position=recognised.position,
            bytes=saved.bytes,
            seconds=round(seconds, 6),
            tries=tries,
        )

    def _phase(self, phase: AttemptPhase) -> None:
        self._recorder.emit("phase.changed", phase=phase.value)
