"""Checkpoint, stop and preempt: what is asked of an attempt at work.

Checkpoint and stop go through the run's command log, and the trainer's own words tell how they ended.
A stop that finds nobody at work, or is not taken, cancels the call. A preemption goes to the
container.
"""

from __future__ import annotations

from remote.records.command_log import note, send
from remote.vocabulary.commands import Command, Intent, OutcomeState
from tui_app.actions import ACTIONS
from tui_app.state.standing import current_attempt
from tui_app.state.view import RunView
from tui_app.watcher.calls import CallRefusedError, LinkError
from tui_app.watcher.errand import Errand, Result, Tools, done, failed, refused

LATE_WORD_SECONDS = 3.0
TAKEN_SECONDS = 600.0
"""How long a trainer that has taken a command may work on it."""
STOP_GRACE_SECONDS = 30.0
KILL_AFTER_SECONDS = 45.0
"""When a cancelled call has not ended, its container is ended too."""


class CommandErrand(Errand):
    """A command to the live attempt, done when the trainer says so."""

    def __init__(self, intent: Intent, tools: Tools, *, resumed: bool) -> None:
        super().__init__(intent, tools, resumed=resumed)
        self.attempt, self.sent_at, self.is_taken = 0, tools.clock(), False
        self._is_in_log = False
        self._row = 0
        self._over_at: float | None = None
        for row, event in self.own_events("intent.sent") if resumed else ():
            self._row, self.attempt, self.sent_at = row, event.attempt, event.t

    def step(self) -> Result | None:
        """See `Errand.step`."""
        view = self.view
        if view is None:
            return refused(f"there is no run {self.intent.run}")
        if not self.is_sent and (why := self.refusal(view)) is not None:
            return refused(why)
        self._send(view)
        return self.answer() or self.give_up(view)

    def refusal(self, view: RunView) -> str | None:
        """Why this is not sent at all."""
        aim, attempt = self.intent.attempt, view.attempt
        why = ACTIONS[self.intent.verb].refusal(view)
        if why is None and aim is not None and attempt is not None and attempt.number != aim:
            return f"it was aimed at attempt {aim} of {view.run}; attempt {attempt.number} is at work now"
        return why

    def expires_at(self, view: RunView) -> float:
        """Until when the trainer may take it (unix seconds)."""
        return self.intent.expires_at

    def give_up(self, view: RunView) -> Result | None:
        """What to conclude when no answer has come so far."""
        late = self.tools.clock() - self.sent_at
        if self.is_over(view):
            return failed(f"attempt {self.attempt} ended before it had done it")
        if self.is_taken and late > TAKEN_SECONDS:
            return failed(f"attempt {self.attempt} took it and was not done after {TAKEN_SECONDS:.0f} s")
        if not self.is_taken and self.tools.clock() > self.expires_at(view) + LATE_WORD_SECONDS:
            return Result(OutcomeState.EXPIRED, f"attempt {self.attempt} came to no step boundary in time")
        return None

    def is_over(self, view: RunView) -> bool:
        """Whether the attempt has ended, and has had time for its last words."""
        newest = current_attempt(view)
        at_work = newest is not None and newest.number == self.attempt and newest.cause is None
        if at_work and not view.state.is_terminal:
            self._over_at = None
            return False
        self._over_at = self._over_at or self.tools.clock()
        return self.tools.clock() - self._over_at >= LATE_WORD_SECONDS

    def _send(self, view: RunView) -> None:
        if self._is_in_log:
            return
        if not self.is_sent:
            self.attempt = view.attempt.number if view.attempt else 0
            self.sent_at, self._row = self.tools.clock(), self.tools.reader.newest_row()
            self.mark_sent(self.attempt)
        send(self.table(), self.command(view), clock=self.tools.clock)
        self._is_in_log = True

    def command(self, view: RunView) -> Command:
        """The intent as it stands in the run's command log."""
        return Command(
            id=self.intent.id,
            verb=self.intent.verb,
            attempt=self.attempt,
            expires_at=self.expires_at(view),
            by=self.intent.by,
            host=self.intent.host,
        )

    def answer(self) -> Result | None:
        """What the trainer said of it so far."""
        newest = self.tools.reader.newest_row()
        for _, event in self.own_events("command.received", "command.done", after_row=self._row):
            self.is_taken = True
            if event.type == "command.done":
                detail = str(event.data.get("detail") or self.intent.verb)
                return refused(detail) if event.data.get("outcome") == "refused" else done(detail)
        self._row = newest
        return None


class StopErrand(CommandErrand):
    """A stop: the trainer's own at its next step boundary, and the call's cancellation if that does
    not come. It is about the run, so it also ends one that has no live attempt."""

    def __init__(self, intent: Intent, tools: Tools, *, resumed: bool) -> None:
        super().__init__(intent, tools, resumed=resumed)
        self._cancelled_at: float | None = None

    def step(self) -> Result | None:
        """See `Errand.step`."""
        view = self.view
        if view is None:
            return refused(f"there is no run {self.intent.run}")
        if self.is_sent and view.state.is_terminal:
            return done(f"{view.run} is {view.state}")
        if not self.is_sent and (why := self.refusal(view)) is not None:
            return refused(why)
        if not view.level.has_records:
            return self._cancel_and_wait(view)
        attempt = current_attempt(view)
        if not self.attempt and (attempt is None or attempt.cause is not None):
            self.mark_sent()
            return self._cancel(view, "it had no live attempt")
        return super().step()

    def expires_at(self, view: RunView) -> float:
        """Long enough for a step boundary: what follows is the cancellation, not oblivion."""
        return max(self.intent.expires_at, self.sent_at + self._grace(view))

    def give_up(self, view: RunView) -> Result | None:
        """Cancel, and kill if that does not help either."""
        waited = self.tools.clock() - self.sent_at
        if self._cancelled_at is None:
            if self.is_over(view):
                return self._cancel(view, f"attempt {self.attempt} ended before it could stop the run")
            if waited > (TAKEN_SECONDS if self.is_taken else self._grace(view)):
                self.tools.calls.cancel(view.call_id)
                self._cancelled_at = self.tools.clock()
        elif self.tools.clock() - self._cancelled_at > KILL_AFTER_SECONDS:
            self.tools.calls.cancel(view.call_id, kill=True)
            return done(
                f"it did not stop within {waited:.0f} s; its call was cancelled and its container ended"
            )
        return None

    def _cancel_and_wait(self, view: RunView) -> Result | None:
        """Of a trainer that reads no commands: its call is cancelled, and then watched until it is over."""
        if self._cancelled_at is None:
            self.mark_sent(view.attempt.number if view.attempt else 0)
            self.tools.calls.cancel(view.call_id)
            self._cancelled_at = self.tools.clock()
            self.tools.wake(view.run)
        elif self.tools.clock() - self._cancelled_at > KILL_AFTER_SECONDS:
            self.tools.calls.cancel(view.call_id, kill=True)
            return done("its call was cancelled; it did not end, so its container was ended")
        return None

    def _grace(self, view: RunView) -> float:
        """Seconds until the next step boundary must have come."""
        return STOP_GRACE_SECONDS + 2 * max(view.step_seconds, default=0.0)

    def _cancel(self, view: RunView, why: str) -> Result | None:
        if not view.call_id:
            return failed(f"the call of {view.run} is not known yet") if self.is_expired else None
        self.tools.calls.cancel(view.call_id)
        self.tools.wake(view.run)
        return done(f"{why}; its call was cancelled")


class PreemptErrand(CommandErrand):
    """A real interrupt of the live attempt's container; never tried twice. Who asked stands in the run's
    command log, for colleagues' audits."""

    def step(self) -> Result | None:
        """See `Errand.step`."""
        view = self.view
        if self.is_sent:
            return failed("the watcher ended while it was carried out; look at the run whether it was")
        if view is None:
            return refused(f"there is no run {self.intent.run}")
        if (why := self.refusal(view)) is not None or view.attempt is None:
            return refused(why or f"{view.run} has no attempt")
        self.attempt = view.attempt.number
        if view.level.has_records:
            note(self.table(), self.command(view), clock=self.tools.clock)
        self.mark_sent(self.attempt)
        task = view.attempt.task_id
        try:
            self.tools.calls.stop_container(task)
        except CallRefusedError as error:
            return failed(f"container {task} could not be interrupted: {error}")
        except LinkError as error:
            return failed(f"it is not known whether container {task} was interrupted: {error}")
        return done(f"container {task} was interrupted")
