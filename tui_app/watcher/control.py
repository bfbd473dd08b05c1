"""Carries out what viewers ask: takes intents in order, each once, and records what became of it.

    control = Control(intents, tools)
    seconds = control.look()        # everything new taken, everything open gone on with

An intent that expired before it was begun is never carried out. While the link is down, intents wait
for it until they expire. It survives its own death: final outcomes are in the journal, and what was
sent without one is taken up again. An intent of a newer viewer that it cannot read it refuses.
"""

from __future__ import annotations

import logging

from remote.records.errors import RecordError, TableMissingError
from remote.vocabulary.commands import Intent, Outcome, OutcomeState, Verb
from remote.vocabulary.events import Severity
from tui_app.journal.intents import IntentReader, UnknownIntent
from tui_app.journal.records import Draft
from tui_app.watcher.adopt_errand import AdoptErrand
from tui_app.watcher.alert_errands import AcknowledgeErrand, SnoozeErrand
from tui_app.watcher.call_errands import ResumeErrand, SpawnErrand
from tui_app.watcher.calls import CallRefusedError, LinkError, NotDeployedError
from tui_app.watcher.command_errands import CommandErrand, PreemptErrand, StopErrand
from tui_app.watcher.errand import Errand, Result, Tools, failed, refused
from tui_app.watcher.evaluate_errand import CancelEvaluationErrand, EvaluateErrand

POLL_SECONDS = 0.2
ERRANDS: dict[Verb, type[Errand]] = {
    Verb.SPAWN: SpawnErrand,
    Verb.RESUME: ResumeErrand,
    Verb.CHECKPOINT: CommandErrand,
    Verb.STOP: StopErrand,
    Verb.PREEMPT: PreemptErrand,
    Verb.ACKNOWLEDGE: AcknowledgeErrand,
    Verb.SNOOZE: SnoozeErrand,
    Verb.ADOPT: AdoptErrand,
    Verb.EVALUATE: EvaluateErrand,
    Verb.CANCEL_EVALUATION: CancelEvaluationErrand,
}
_UNKNOWN = "not known to this build of the watcher"
_LOG = logging.getLogger(__name__)


class Control:
    """The one who acts. Used by one thread at a time."""

    def __init__(self, intents: IntentReader, tools: Tools) -> None:
        self._intents, self._tools = intents, tools
        self._row = 0
        self._open: dict[str, Errand] = {}
        self._trouble: dict[str, str] = {}

    def look(self) -> float:
        """Go on with everything; seconds until the next look is wanted."""
        self._take_new()
        for errand in list(self._open.values()):
            result = self._step(errand)
            if result is not None:
                self._finish(errand, result)
        return POLL_SECONDS

    def _take_new(self) -> None:
        for row, intent in self._intents.rows(self._row):
            outcome = self._tools.reader.outcome(intent.id)
            if isinstance(intent, UnknownIntent):
                if outcome is None:  # what is sent already is for a build that knows it
                    self._record(intent, refused(f"{intent.verb} is {_UNKNOWN}"))
            elif outcome is None or not outcome.state.is_final:
                resumed = outcome is not None
                self._open[intent.id] = ERRANDS[intent.verb](intent, self._tools, resumed=resumed)
            self._row = row

    def _step(self, errand: Errand) -> Result | None:
        intent = errand.intent
        if errand.is_expired and not errand.has_begun:
            why = self._trouble.get(intent.id, "it was read too late")
            return Result(OutcomeState.EXPIRED, f"not carried out before it expired: {why}")
        try:
            return errand.step()
        except LinkError as error:
            self._trouble[intent.id] = str(error)
            return None
        except (NotDeployedError, CallRefusedError, RecordError, TableMissingError) as error:
            return failed(str(error))
        except Exception as error:
            _LOG.exception("intent %s (%s %s) failed", intent.id, intent.verb, intent.run)
            return failed(f"{type(error).__name__}: {error}")

    def _finish(self, errand: Errand, result: Result) -> None:
        self._record(errand.intent, result)
        self._open.pop(errand.intent.id)
        self._trouble.pop(errand.intent.id, None)

    def _record(self, intent: Intent, result: Result) -> None:
        journal = self._tools.journal
        outcome = Outcome(intent=intent.id, state=result.state, detail=result.detail, at=self._tools.clock())
        data = {"id": intent.id, "verb": intent.verb, "outcome": result.state, "detail": result.detail}
        severity = Severity.INFO if result.state is OutcomeState.DONE else Severity.WARN
        with journal.transaction():
            if intent.run in journal.runs():
                journal.say(intent.run, Draft(type="intent.done", sev=severity, data=data))
            journal.record_outcome(intent, outcome)
        _LOG.info("intent %s: %s %s: %s (%s)", intent.id, intent.verb, intent.run, *result[::-1])
