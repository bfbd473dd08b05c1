"""Evaluate, and the end of an evaluation before its time: what is asked beside a run, not of it.

An evaluation is begun by saying so, in the same transaction that says that it was asked for; whoever looks
at the journal after that, this watcher or the next, carries it out (`tui_app.watcher.evaluator`). So the
intent is done at once, and how the evaluation goes is told by events. Who asked stands in the run's command
log too, for colleagues' audits; no trainer takes it from there.
"""

from __future__ import annotations

from remote.records.command_log import note
from remote.records.commit_log import LogRecord, read_log, recognised
from remote.vocabulary.commands import Command
from tui_app.actions import ACTIONS
from tui_app.evaluation_plan import PlanError, planned
from tui_app.journal.records import Draft
from tui_app.render.formats import plural
from tui_app.state.cost import gpu_type
from tui_app.state.view import RunView
from tui_app.watcher.errand import Errand, Result, done, refused
from tui_app.watcher.evaluator import cancelled_note

MOST_DELETED = 100_000


class _BesideErrand(Errand):
    """What both share: an action's refusal, and a note for colleagues."""

    def why_not(self, view: RunView | None) -> str | None:
        """Why it is not done."""
        if view is None:
            return f"there is no run {self.intent.run}"
        return ACTIONS[self.intent.verb].refusal(view)

    def note(self) -> None:
        """Put who asked into the run's command log."""
        intent = self.intent
        command = Command(
            id=intent.id, verb=intent.verb, attempt=0, expires_at=0.0, by=intent.by, host=intent.host
        )
        note(self.table(), command, clock=self.tools.clock)


class EvaluateErrand(_BesideErrand):
    """Begin an evaluation."""

    def step(self) -> Result | None:
        """See `Errand.step`."""
        if not self.is_sent and (why := self._begin(self.view)) is not None:
            return refused(why)
        self.note()
        known = self.view.evaluation if self.view is not None else None
        if known is None or known.id != self.intent.id:
            return done("it has begun, and another one after it")
        what = f"{plural(known.prompts, 'prompt')} in {plural(known.slices, 'slice')}"
        return done(f"step {known.step}, {what}: begun")

    def _begin(self, view: RunView | None) -> str | None:
        """Say that it begins; or why it does not."""
        if (why := self.why_not(view)) is not None or view is None:
            return why
        args = self.intent.args
        try:
            plan = planned(view, *(_whole(args, name) for name in ("step", "prompts", "slices")))
        except PlanError as error:
            return str(error)
        self.tools.calls.check_deployed()
        records = [record for record in recognised(read_log(self.table())) if record.step == plan.step]
        if not records:
            return f"no checkpoint of step {plan.step} of {view.run} is committed"
        if records[-1].name in self._deleted():
            return f"the checkpoint of step {plan.step} of {view.run} has been deleted since"
        with self.tools.journal.transaction():
            self.mark_sent()
            self.tools.journal.say(view.run, self._started(view, records[-1], plan.prompts, plan.slices))
        return None

    def _deleted(self) -> set[object]:
        """The names of checkpoints that the trainer has made room of."""
        types = ("checkpoint.deleted",)
        rows = self.tools.reader.events(self.intent.run, limit=MOST_DELETED, types=types)
        return {row.event.data.get("name") for row in rows}

    def _started(self, view: RunView, record: LogRecord, prompts: int, slices: int) -> Draft:
        intent = self.intent
        data = {
            "id": intent.id,
            "step": record.step,
            "name": record.name,
            "prompts": prompts,
            "slices": slices,
            "gpu": "" if view.cpu_demo else gpu_type(view),
            "by": intent.by,
            "host": intent.host,
        }
        return Draft(type="evaluation.started", data=data, t=self.tools.clock())


class CancelEvaluationErrand(_BesideErrand):
    """End the one that is under way; what is scored already is kept."""

    def step(self) -> Result | None:
        """See `Errand.step`."""
        if not self.is_sent and (why := self._begin(self.view)) is not None:
            return refused(why)
        self.note()
        return done("its containers are being ended; what is scored is kept")

    def _begin(self, view: RunView | None) -> str | None:
        if (why := self.why_not(view)) is not None or view is None or view.evaluation is None:
            return why
        with self.tools.journal.transaction():
            self.mark_sent()
            self.tools.journal.set_note(cancelled_note(view.evaluation.id), self.intent.id)
        return None


def _whole(args: dict[str, object], name: str) -> int | None:
    value = args.get(name)
    if value is not None and type(value) is not int:
        raise PlanError(f"{name} is {value!r}; allowed is a whole number")
    return value
