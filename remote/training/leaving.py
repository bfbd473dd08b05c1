"""How an attempt leaves before its time: a visible deadline, a save if it fits, the last words."""

from __future__ import annotations

from collections.abc import Callable

from remote.training.endings import Endings, Outcome
from remote.training.interrupts import Interrupt, Interrupts
from remote.training.ports import CommitFailedError, FencedError, Recorder
from remote.training.saving import Saver
from remote.vocabulary.events import Severity
from remote.vocabulary.run_states import AttemptPhase

TIMEOUT_SLACK_SECONDS = 30.0
SETTLE_SECONDS = 60.0
"""How long an attempt that failed waits for a commit that does not end."""
SETTLE_SLICE_SECONDS = 0.1


class Leaving:
    """The ways out that nobody in here chose.

    Args:
        grace: seconds that the platform grants from its signal on.
        timeout_at: unix time of the platform's time limit; infinite if there is none.
    """

    def __init__(
        self,
        saver: Saver,
        interrupts: Interrupts,
        endings: Endings,
        recorder: Recorder,
        *,
        grace: float,
        timeout_at: float,
        clock: Callable[[], float],
        mono: Callable[[], float],
    ) -> None:
        self._saver, self._interrupts, self._endings, self._recorder = saver, interrupts, endings, recorder
        self._grace, self._timeout_at, self._clock, self._mono = grace, timeout_at, clock, mono

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
        saving = self._saver.place.uncommitted > 0
        self._say("stop", self._grace, self._clock() + self._grace, f"stop asked for by {by}", saving=saving)

    def failed(self, error: Exception) -> Outcome | None:
        """Training raised: what is on its way to be committed counts, as far as it gets there. None
        if a retry follows."""
        try:
            self._settle(self._mono() + SETTLE_SECONDS)
        except FencedError:
            return self._endings.fenced()
        self._saver.abandon()
        return self._endings.failed(error)

    def _leave(self, cause: str, interrupt: Interrupt, last_words: Callable[[], None]) -> None:
        """Whatever becomes of the save, even a second interrupt, the last words are said."""
        prospect = self._saver.prospect(interrupt.left(self._mono()))
        fenced = False
        try:
            self._say(cause, interrupt.grace, interrupt.deadline, prospect.why, saving=prospect.saving)
            self._settle(interrupt.last_words_at)
            if self._saver.has_time(interrupt.left(self._mono())):
                self._saver.save("preemption")
        except CommitFailedError:
            pass  # volume.commit_failed said it, and the last words count the steps.
        except FencedError:
            fenced = True
        except Exception as error:
            self._endings.raised(error)
        finally:
            self._saver.abandon()
            if fenced:
                self._endings.fenced()
            else:
                last_words()

    def _settle(self, until: float) -> None:
        """Wait for the checkpoint under way until then (mono), or as far as a grace allows. FencedError;
        what else it failed with is said and is no reason not to try again."""
        try:
            while not self._saver.settle(SETTLE_SLICE_SECONDS):
                interrupt = self._interrupts.pending
                if self._mono() >= (until if interrupt is None else min(until, interrupt.last_words_at)):
                    return
        except FencedError:
            raise
        except CommitFailedError:
            pass  # volume.commit_failed said it.
        except Exception as error:
            self._endings.raised(error)

    def _say(self, cause: str, grace: float, deadline: float, why: str, *, saving: bool) -> None:
        place = self._saver.place
        self._recorder.emit("phase.changed", phase=AttemptPhase.DRAINING.value)
        self._recorder.emit(
            "drain.started",
            sev=Severity.INFO if cause == "stop" else Severity.WARN,
            cause=cause,
            grace=grace,
            deadline=deadline,
            saving=saving,
            why=why,
            step=place.step,
            committed_step=place.committed_step,
        )
