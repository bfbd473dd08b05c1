"""How an attempt leaves before its time: a visible deadline, a save if it fits, the last words.

Also judges, when an interrupt comes, whether waiting for a safe point still leaves time to save.
"""

from __future__ import annotations

from collections.abc import Callable

from remote.training.endings import Endings
from remote.training.interrupts import Interrupt
from remote.training.pace import Pace
from remote.training.ports import CommitFailedError, FencedError, Recorder
from remote.training.saving import Saver
from remote.vocabulary.events import Severity
from remote.vocabulary.run_states import AttemptPhase

TIMEOUT_SLACK_SECONDS = 30.0


class Leaving:
    """The ways out that nobody in here chose.

    Args:
        grace: seconds that the platform grants from its signal on.
        timeout_at: unix time of the platform's time limit; infinite if there is none.
    """

    def __init__(
        self,
        saver: Saver,
        pace: Pace,
        endings: Endings,
        recorder: Recorder,
        *,
        grace: float,
        timeout_at: float,
        clock: Callable[[], float],
        mono: Callable[[], float],
    ) -> None:
        self._saver, self._pace, self._endings, self._recorder = saver, pace, endings, recorder
        self._grace, self._timeout_at, self._clock, self._mono = grace, timeout_at, clock, mono

    def may_wait(self, interrupt: Interrupt) -> bool:
        """Is there something to save, and time to get to where it can be saved? Called inside the
        signal handler: reads, and changes nothing."""
        finish = self._saver.seconds_to_finish()
        if finish is not None:
            return finish <= interrupt.grace
        until_safe = self._pace.remaining()
        if until_safe is None or self._saver.place.uncommitted == 0:
            return False
        return until_safe + self._saver.seconds_needed() <= interrupt.grace

    def preempted(self, interrupt: Interrupt) -> None:
        """The container is being taken away; the platform starts the same input again."""
        evidence = f"SIGINT, {interrupt.grace:g} s of grace"
        self._leave("preempted", interrupt, lambda: self._endings.preempted(evidence))

    def cancelled(self, error: BaseException) -> None:
        """The platform ended the call: at its time limit if that is now, else because it was told to."""
        now = self._clock()
        interrupt = Interrupt(self._mono(), self._grace, now + self._grace)
        if now >= self._timeout_at - TIMEOUT_SLACK_SECONDS:
            self._leave("timeout", interrupt, lambda: self._endings.timed_out(error))
        else:
            self._leave("cancelled", interrupt, lambda: self._endings.cancelled(error))

    def stopping(self, by: str) -> None:
        """The operator asked for a stop, which takes the time that it takes."""
        self._say("stop", self._grace, self._clock() + self._grace, f"stop asked for by {by}", saving=True)

    def _leave(self, cause: str, interrupt: Interrupt, last_words: Callable[[], None]) -> None:
        """Whatever becomes of the save, even a second interrupt, the last words are said."""
        fits = self._saver.seconds_needed() <= interrupt.left(self._mono())
        saving = fits and self._saver.possible
        place = self._saver.place
        why = f"there is time to save step {place.step}" if saving else place.lost
        fenced = False
        try:
            self._say(cause, interrupt.grace, interrupt.deadline, why, saving=saving)
            if saving:
                self._saver.save("preemption")
        except CommitFailedError:
            pass  # volume.commit_failed said it, and the last words count the steps.
        except FencedError:
            fenced = True
        except Exception as error:
            self._endings.raised(error)
        finally:
            if fenced:
                self._endings.fenced()
            else:
                last_words()

    def _say(self, cause: str, grace: float, deadline: float, why: str, *, saving: bool) -> None:
        place = self._saver.place
        self._recorder.emit("phase.changed", phase=AttemptPhase.DRAINING.value)
        self._recorder.emit(
            "drain.started",
            sev=Severity.INFO if cause == "stop" else Severity.WARN,
            cause=cause,
            grace=grace,
            deadline=deadline,
            saving=saving and place.uncommitted > 0,
            why=why,
            step=place.step,
            committed_step=place.committed_step,
        )
