"""Makes the steps of one learner count: where the attempt stands, and what is on its way to be safe.

An interval's checkpoint holds the steps up only while the state is copied; the rest is done behind
them, in a thread, and the next checkpoint waits for it. So a kill costs at most the steps of one
interval and those that were done while a commit was under way. What somebody waits for (a stop, a
command, a preemption, the end) is done in front, after what is under way.

Knows the order and how long each part took; `publishing` does the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from remote.training.interrupts import Interrupts
from remote.training.pace import EVALUATION, Pace
from remote.training.ports import Checkpoints, Recognised, Recorder
from remote.training.publishing import (
    ASSUMED_COMMIT_SECONDS,
    MARGIN_SECONDS,
    Crew,
    Publication,
    Reason,
    Snapshot,
)
from remote.training.step_record import SteppingLearner
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import RunConfig
from remote.vocabulary.run_states import AttemptPhase

BYTES_A_PARAMETER = 12
ASSUMED_BYTES_PER_SECOND = 100e6
"""Until a save was measured: a weight and two moments in four bytes each, at a modest disk's rate."""
WAIT_SLICE_SECONDS = 1.0


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
        if self.step == 0:
            return "no step was done here, none will be redone"
        if self.uncommitted <= 0:
            return f"step {self.committed_step} is committed, no step will be redone"
        return f"{_steps(self.uncommitted)} after committed step {self.committed_step} will be redone"


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a deadline leaves time for: ``saving`` is whether anything becomes safe, ``why`` a sentence."""

    saving: bool
    why: str


class Saver:
    """The checkpoints of one attempt. Called from the main thread alone.

    Args:
        pause: sleep that an interrupt cuts short.
    """

    def __init__(
        self,
        config: RunConfig,
        checkpoints: Checkpoints,
        recorder: Recorder,
        pace: Pace,
        interrupts: Interrupts,
        *,
        mono: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self._checkpoints, self._recorder, self._pace, self._mono = checkpoints, recorder, pace, mono
        self._interrupts = interrupts
        self._crew = Crew(
            config=config,
            checkpoints=checkpoints,
            recorder=recorder,
            pace=pace,
            mono=mono,
            pause=pause,
            interrupt=lambda: interrupts.pending,
            committed=self._committed,
        )
        self._learner: SteppingLearner | None = None
        self._start: tuple[Recognised, Path] | None = None
        self._behind: Publication | None = None
        self._in_front: Publication | None = None
        self._committed_step = 0
        self._held_seconds = 0.0

    @property
    def place(self) -> Place:
        """Where the attempt stands now; before there is a learner, where it will start from."""
        done = self._committed_step if self._learner is None else self._learner.steps_done
        return Place(done, self._committed_step)

    @property
    def unsaved(self) -> int:
        """Finished steps that are neither committed nor on their way."""
        behind = self._behind
        on_its_way = 0 if behind is None or behind.failed else behind.step
        return self.place.step - max(on_its_way, self._committed_step)

    def begin(self) -> None:
        """Look where the attempt is to start from. What was passed over for it is reported."""
        self._start = self._checkpoints.newest()
        for damaged in self._checkpoints.skipped():
            self._recorder.emit("checkpoint.skipped", sev=Severity.WARN, name=damaged.name, why=damaged.why)
        if self._start is not None:
            self._committed_step = self._start[0].step

    def resume(self, learner: SteppingLearner) -> None:
        """From now on this learner's steps are saved; it starts from what `begin` found, if anything."""
        if self._start is not None:
            began = self._mono()
            recognised, path = self._start
            differs = list(learner.load(path))
            self._recorder.emit(
                "checkpoint.loaded",
                sev=Severity.WARN if differs else Severity.INFO,
                step=recognised.step,
                name=recognised.name,
                position=recognised.position,
                seconds=round(self._mono() - began, 6),
                exact=not differs,
                differs=differs,
            )
        self._learner = learner

    def save_behind(self) -> None:
        """Copy the last finished step, to be saved and committed while the next ones are done.

        Waits for the one before, and raises what it failed with.
        """
        began = self._mono()
        self.finish()
        snapshot = self._copy("interval")
        work = Publication(snapshot, self._crew)
        with self._interrupts.held():
            work.start()
            self._behind = work
        self._phase(AttemptPhase.STEPPING)
        self._held_seconds += self._mono() - began

    def save(self, reason: Reason) -> None:
        """Save and commit the last finished step here and now, unless that has been done already.

        As `Publication.run` raises, and what the one before failed with.
        """
        began = self._mono()
        held = self._behind is not None or self.place.uncommitted > 0
        self.finish()
        if self.place.uncommitted > 0:
            snapshot = self._copy(reason)
            try:
                self._in_front = Publication(snapshot, self._crew, self._say_committing)
                self._in_front.run()
            finally:
                self._in_front = None
        if held and reason == "operator":
            self._phase(AttemptPhase.STEPPING)
        self._held_seconds += self._mono() - began

    def check(self) -> None:
        """Raise what the one behind failed with, if it has: called at a safe point."""
        self.settle(0.0)

    def settle(self, seconds: float) -> bool:
        """Wait for the one behind at most so long and raise what it failed with; False if it goes on."""
        behind = self._behind
        if behind is None:
            return True
        if not behind.wait(seconds):
            return False
        self._behind = None
        behind.check()
        return True

    def finish(self) -> None:
        """Wait for the one behind as long as it takes, visibly, and raise what it failed with."""
        if not self.settle(0.0):
            self._say_committing()
            while not self.settle(WAIT_SLICE_SECONDS):
                pass

    def abandon(self) -> None:
        """The last words are about to be said: what is not being committed yet will not be."""
        if self._behind is not None:
            self._behind.abandon()

    def take_held_seconds(self) -> float:
        """How long checkpoints have held the steps up since this was last asked."""
        held, self._held_seconds = self._held_seconds, 0.0
        return held

    def may_wait(self, grace: float) -> bool:
        """Whether waiting for the next safe point makes more steps safe within ``grace`` seconds.
        Called inside the signal handler: reads, and changes nothing. An evaluation is itself a safe
        point, however long it takes."""
        if self._in_front is not None:
            return self._seconds_left(self._in_front) <= grace
        until_safe = self._pace.remaining()
        if until_safe is None or self.unsaved == 0 or self._pace.activity == EVALUATION:
            return False
        return max(until_safe, self._seconds_behind()) + self._seconds_needed() <= grace

    def prospect(self, left: float) -> Prospect:
        """What can still be made safe in ``left`` seconds, from a safe point."""
        behind, place, newer = self._behind, self.place, self.unsaved
        if self._possible and self._seconds_behind() + self._seconds_needed() <= left:
            return Prospect(True, f"there is time to save step {place.step}")
        if behind is not None and not behind.over and self._seconds_behind() <= left:
            later = f"; {_steps(newer)} after it will be redone" if newer else ""
            return Prospect(True, f"there is time to commit step {behind.step}{later}")
        return Prospect(False, place.lost)

    def has_time(self, left: float) -> bool:
        """Whether nothing is under way, something is to be saved, and ``left`` seconds suffice."""
        return self._behind is None and self._possible and self._seconds_needed() <= left

    @property
    def _possible(self) -> bool:
        return self._learner is not None and self._learner.consistent and self.unsaved > 0

    def _copy(self, reason: Reason) -> Snapshot:
        learner = self._learner
        assert learner is not None, "there is a learner before there are steps"
        self._phase(AttemptPhase.CHECKPOINTING)
        with self._pace.timed("copy"):
            return Snapshot(
                step=learner.steps_done, files=learner.files(), about=learner.about(), reason=reason
            )

    def _committed(self, step: int) -> None:
        self._committed_step = step

    def _seconds_needed(self) -> float:
        """A careful estimate of copy, save and commit, with its margin."""
        parameters = 0 if self._learner is None else self._learner.parameters
        assumed = ASSUMED_COMMIT_SECONDS + parameters * BYTES_A_PARAMETER / ASSUMED_BYTES_PER_SECOND
        save = self._pace.expected("save")
        save = assumed if save is None else save
        copy = self._pace.expected("copy") or 0.0
        return 2 * (copy + save + self._seconds_to_commit(save)) + MARGIN_SECONDS

    def _seconds_behind(self) -> float:
        behind = self._behind
        return 0.0 if behind is None or behind.over else self._seconds_left(behind)

    def _seconds_left(self, work: Publication) -> float:
        """The same for what is under way; what was never measured counts as a whole one."""
        left = self._pace.left(work.stage, work.since)
        if left is None:
            return self._seconds_needed()
        then = self._seconds_to_commit(left) if work.stage == "save" else 0.0
        return 2 * (left + then) + MARGIN_SECONDS

    def _seconds_to_commit(self, otherwise: float) -> float:
        measured = self._pace.expected("commit")
        return otherwise if measured is None else measured

    def _say_committing(self) -> None:
        self._phase(AttemptPhase.COMMITTING)

    def _phase(self, phase: AttemptPhase) -> None:
        self._recorder.emit("phase.changed", phase=phase.value)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"
