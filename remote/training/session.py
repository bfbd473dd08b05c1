"""One attempt at a run: load, step, checkpoint, obey, and leave in good order.

    outcome = Session(config, lambda: Learner(config), recorder, checkpoints, commands, platform,
                      retries_used=0).run()

`run` returns when the run is over (done, stopped, failed for good) or when this attempt was fenced;
it raises what it was left by when the platform is to start another attempt: the training's exception
while there are retries, `KeyboardInterrupt` on a preemption, the platform's own cancellation.

Everything that happens is said to the recorder, in the words of `remote.vocabulary.events`. It knows
the platform and the records only by `ports`, and a learner only by `step_record`: no modal, and no
torch until the learner is made.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable

from remote.training.drills import Drills
from remote.training.endings import Endings, Outcome
from remote.training.evaluation import held_out, summary
from remote.training.interrupts import Interrupt, Interrupts
from remote.training.leaving import Leaving
from remote.training.orders import Orders
from remote.training.pace import EVALUATION, Pace
from remote.training.ports import Checkpoints, Commands, CommitFailedError, FencedError, Platform, Recorder
from remote.training.reports import Monitor, Reports
from remote.training.saving import Saver
from remote.training.step_record import SteppingLearner
from remote.vocabulary.commands import Command, OutcomeState
from remote.vocabulary.run_config import RunConfig
from remote.vocabulary.run_states import AttemptPhase

PAUSE_SLICE_SECONDS = 0.05
CLOSE_SECONDS = 5.0

__all__ = ["Monitor", "Outcome", "Session"]


class Session:
    """Supervises one learner through one attempt.

    Args:
        make_learner: builds the model; called once, in `run`, so that what it raises is reported.
        retries_used: how many retries the run has used before this attempt.
        cancellations: what the platform raises in here on a timeout or a cancel.
        timeout_at: unix time of the platform's time limit, to tell one from the other.
        clock, mono, sleep: unix time, a monotonic clock, and waiting, in seconds.
    """

    def __init__(
        self,
        config: RunConfig,
        make_learner: Callable[[], SteppingLearner],
        recorder: Recorder,
        checkpoints: Checkpoints,
        commands: Commands,
        platform: Platform,
        *,
        retries_used: int,
        clock: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        cancellations: tuple[type[BaseException], ...] = (),
        timeout_at: float = math.inf,
        monitor: Monitor | None = None,
    ) -> None:
        self._config, self._make_learner, self._recorder = config, make_learner, recorder
        self._clock, self._mono, self._sleep, self._monitor = clock, mono, sleep, monitor
        self._cancellations = cancellations
        self._reports = Reports(config, recorder, monitor, mono)
        self._learner: SteppingLearner | None = None
        pace = self._pace = Pace(mono)
        self._interrupts = Interrupts(
            self._grace, lambda interrupt: self._saver.may_wait(interrupt.grace), clock=clock, mono=mono
        )
        self._saver = Saver(
            config, checkpoints, recorder, pace, self._interrupts, mono=mono, pause=self._pause
        )
        self._endings = Endings(config, recorder, retries_used, lambda: self._saver.place)
        self._leaving = Leaving(
            self._saver,
            self._interrupts,
            self._endings,
            recorder,
            grace=config.grace_seconds,
            timeout_at=timeout_at,
            clock=clock,
            mono=mono,
        )
        self._drills = Drills(config.drills, platform, recorder, pace, self._pause, self._finish_commit)
        self._orders = Orders(commands, recorder, self._saver)

    def run(self) -> Outcome:
        """Train to the end of the run or of this attempt. Call it once, in the main thread."""
        with self._interrupts:
            try:
                return self._attempt()
            except KeyboardInterrupt:
                self._tell_last_step()
                if not self._endings.said:
                    self._preempted()
                raise
            finally:
                self._close()

    def _attempt(self) -> Outcome:
        try:
            return self._train(self._load())
        except self._cancellations as error:
            self._tell_last_step()
            self._leaving.cancelled(error)
            raise
        except FencedError:
            with self._interrupts.held():
                return self._endings.fenced()
        except Exception as error:
            with self._interrupts.held():
                outcome = self._leaving.failed(error)
            if outcome is None:
                raise
            return outcome

    def _load(self) -> SteppingLearner:
        self._phase(AttemptPhase.LOADING)
        self._saver.begin()
        began = self._mono()
        learner = self._learner = self._make_learner()
        self._recorder.emit(
            "model.loaded",
            model=self._config.model,
            parameters=learner.parameters,
            seconds=round(self._mono() - began, 6),
        )
        self._saver.resume(learner)
        return learner

    def _train(self, learner: SteppingLearner) -> Outcome:
        self._phase(AttemptPhase.STEPPING)
        self._drills.announce(learner.steps_done)
        while True:
            self._safe_point()
            if self._due(learner, self._config.eval_interval):
                self._evaluate(learner)
            if learner.steps_done >= self._config.steps:
                break
            stop = self._orders.carry_out()
            if stop is not None:
                return self._stop(stop)
            self._step(learner)
            self._drills.execute(learner.steps_done, self._interrupts)
            self._interrupts.raise_pending()
            if learner.steps_done == self._config.steps:
                self._saver.save("final")
            elif self._due(learner, self._config.checkpoint_interval):
                self._saver.save_behind()
        with self._interrupts.held():
            self._orders.carry_out(over=True)
            return self._endings.completed()

    def _step(self, learner: SteppingLearner) -> None:
        self._reports.begin(self._saver.take_held_seconds())
        with self._pace.timed("step"), self._pace.timed("rollout"):
            record = learner.step(learner.steps_done + 1, self._window)
        with self._interrupts.held():
            self._reports.tell(record)
        self._drills.announce(record.step)

    def _evaluate(self, learner: SteppingLearner) -> None:
        """While the step's checkpoint is on its way. It changes nothing, so an interrupt may break it off
        where it is; an attempt that starts from this step evaluates it again."""
        began = self._mono()
        with self._pace.timed(EVALUATION):
            scores = learner.evaluate(held_out(self._config.eval_prompts))
        metrics = summary(scores, self._mono() - began)
        self._reports.tell_evaluation(learner.steps_done, metrics)

    def _due(self, learner: SteppingLearner, interval: int) -> bool:
        return interval > 0 and learner.steps_done > 0 and learner.steps_done % interval == 0

    def _tell_last_step(self) -> None:
        if self._learner is not None:
            self._reports.tell(self._learner.record)

    def _window(self) -> None:
        self._safe_point()
        self._pace.begin("update")

    def _safe_point(self) -> None:
        """Between two changes of a parameter: whatever ends the attempt may end it here."""
        self._interrupts.raise_pending()
        self._saver.check()

    def _finish_commit(self) -> None:
        self._saver.finish()
        self._phase(AttemptPhase.STEPPING)

    def _stop(self, command: Command) -> Outcome:
        """An operator's stop is a stop even if its checkpoint cannot be committed."""
        self._leaving.stopping(command.by)
        with contextlib.suppress(CommitFailedError):
            self._saver.finish()
        try:
            self._saver.save("stop")
        except CommitFailedError as error:
            detail = f"stopped; the last checkpoint could not be committed: {error}"
        else:
            detail = f"stopped; step {self._saver.place.committed_step} is committed"
        with self._interrupts.held():
            self._orders.answer(command, OutcomeState.DONE, detail)
            return self._endings.stopped(command.by)

    def _preempted(self) -> None:
        if self._monitor is not None:
            self._monitor.preempting()
        unannounced = Interrupt(self._mono(), 0.0, self._clock())
        self._leaving.preempted(self._interrupts.pending or unannounced)

    def _close(self) -> None:
        """The records first: the monitor is only a mirror of them."""
        with self._interrupts.held():
            self._recorder.flush(self._seconds_to_close())
            if self._monitor is not None:
                self._monitor.close(self._seconds_to_close())

    def _seconds_to_close(self) -> float:
        interrupt = self._interrupts.pending
        left = CLOSE_SECONDS if interrupt is None else interrupt.left(self._mono())
        return min(CLOSE_SECONDS, max(0.1, left))

    def _grace(self) -> float:
        return self._config.grace_seconds if self._drills.grace is None else self._drills.grace

    def _pause(self, seconds: float) -> None:
        """Sleep in slices, since a noted interrupt does not end a sleep by itself."""
        for _ in range(math.ceil(seconds / PAUSE_SLICE_SECONDS)):
            if self._interrupts.pending is not None:
                return
            self._sleep(PAUSE_SLICE_SECONDS)

    def _phase(self, phase: AttemptPhase) -> None:
        self._recorder.emit("phase.changed", phase=phase.value)
