"""Carries evaluations out: a call for each slice, what each found, and the result of all of them.

    evaluator = Evaluator(tools)
    seconds = evaluator.look()       # everything that runs is gone on with

What runs is what the journal says: begun by an event and not ended. Calls that were made are noted there
too, and what a slice found stands in the run's table, so the next watcher goes on where one died: a slice
whose call was made and not noted is called once more, and says the same. A call for each slice, not one
for all: of a map without order the client does not tell which input failed, and its results are pickles.
A slice without a word, whose call is over, has failed; so has one that scored another checkpoint.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from remote.records import keys
from remote.records.errors import RecordError, TableMissingError
from remote.records.evaluations import SliceRecord, read_slices
from remote.vocabulary.events import Severity
from tui_app.evaluation_plan import Plan
from tui_app.journal.records import Draft
from tui_app.state.evaluation import EvaluationView
from tui_app.watcher.calls import CallRefusedError, LinkError, NotDeployedError, SliceOf
from tui_app.watcher.errand import Tools
from tui_app.watcher.inference import CallState

IDLE_SECONDS = 1.0
BUSY_SECONDS = 0.5
CALL_SECONDS = 4.0
"""How often the calls of slices that have said nothing are asked for."""
CALLS_A_LOOK = 16
_LOG = logging.getLogger(__name__)
_WORDS = {
    CallState.FAILURE: "its container ended without a word, for good",
    CallState.INIT_FAILURE: "its container could not be set up",
    CallState.TERMINATED: "its call was cancelled",
    CallState.TIMEOUT: "its call ran out of time",
    CallState.UNKNOWN: "the target no longer knows its call",
    CallState.SUCCESS: "its call is over, and what it found is not there",
}


def calls_note(evaluation_id: str) -> str:
    """Where the calls of an evaluation are noted: JSON, slice to call."""
    return f"evaluation/{evaluation_id}/calls"


def cancelled_note(evaluation_id: str) -> str:
    """Where it is noted that an evaluation is to end: the intent's id."""
    return f"evaluation/{evaluation_id}/cancel"


class Evaluator:
    """All evaluations of a journal. Used by one thread at a time; ``mono`` is a clock in seconds."""

    def __init__(self, tools: Tools, *, mono: Callable[[], float] = time.monotonic) -> None:
        self._tools, self._mono = tools, mono
        self._running: dict[str, FanOut] = {}

    def look(self) -> float:
        """Go on with everything; seconds until the next look is wanted. LinkError, after all were tried."""
        trouble: Exception | None = None
        for run, evaluation in self._found():
            try:
                self._go_on(run, evaluation)
            except LinkError as error:
                trouble = error
            except Exception as error:
                self._running.pop(evaluation.id, None)  # it may be ahead of the journal: begin from that
                trouble = error
        if trouble is not None:
            raise trouble
        waiting = sum(fan_out.waiting for fan_out in self._running.values())
        return BUSY_SECONDS * max(1.0, waiting / CALLS_A_LOOK) if self._running else IDLE_SECONDS

    def _go_on(self, run: str, evaluation: EvaluationView) -> None:
        fan_out = self._running.get(evaluation.id)
        if fan_out is None:
            fan_out = self._running[evaluation.id] = FanOut(run, evaluation, self._tools, self._mono)
        if fan_out.go_on():
            del self._running[evaluation.id]

    def _found(self) -> list[tuple[str, EvaluationView]]:
        journal = self._tools.journal
        views = [journal.view(run) for run in journal.runs()]
        return [(view.run, view.evaluation) for view in views if view.evaluation and view.evaluation.running]


class FanOut:
    """One evaluation, from what the journal has of it."""

    def __init__(self, run: str, evaluation: EvaluationView, tools: Tools, mono: Callable[[], float]) -> None:
        self._run, self._about, self._tools, self._mono = run, evaluation, tools, mono
        plan = Plan(step=evaluation.step, prompts=evaluation.prompts, slices=evaluation.slices)
        self._parts = dict(enumerate(plan.parts(), 1))
        noted = tools.journal.note(calls_note(evaluation.id))
        self._calls: dict[int, str] = msgspec.json.decode(noted, type=dict[int, str]) if noted else {}
        self._scores: dict[int, SliceRecord] = {}
        self._failed = self._known_failures()
        self._over: dict[int, CallState] = {}
        self._asked_at: float | None = None

    def go_on(self) -> bool:
        """Everything that can be done now; whether it has ended. LinkError."""
        if self._tools.journal.note(cancelled_note(self._about.id)):
            return self._cancel()
        failed: dict[int, str] = {}
        try:
            self._call()
        except (NotDeployedError, CallRefusedError) as error:
            failed |= dict.fromkeys(self._uncalled, str(error))
        over = {number: self._over[number] for number in self._open if number in self._over}
        found = self._read()
        failed |= {number: _WORDS[state] for number, state in over.items() if number not in found}
        self._ask()
        return self._tell(found, failed)

    @property
    def waiting(self) -> int:
        """How many slices are still to be heard of."""
        return len(self._open)

    @property
    def _open(self) -> list[int]:
        return [number for number in self._parts if number not in self._scores and number not in self._failed]

    @property
    def _uncalled(self) -> list[int]:
        return [number for number in self._open if number not in self._calls]

    def _call(self) -> None:
        """Call slices that have not been, and note each call before the next is made."""
        for number in self._uncalled[:CALLS_A_LOOK]:
            first, count = self._parts[number]
            part = SliceOf(
                run=self._run,
                evaluation_id=self._about.id,
                number=number,
                first=first,
                count=count,
                step=self._about.step,
            )
            self._calls[number] = self._tools.calls.evaluate(part, self._about.gpu)
            noted = msgspec.json.encode({str(known): call for known, call in self._calls.items()})
            self._tools.journal.set_note(calls_note(self._about.id), noted.decode())

    def _read(self) -> dict[int, SliceRecord | str]:
        """What open slices have said since, each as its record or as why it does not count."""
        try:
            table = self._tools.open_table(keys.run_table(self._run), False)
        except TableMissingError:
            return dict.fromkeys(self._open, "the target has forgotten the records of the run")
        found = read_slices(table, self._about.id, self._open)
        return {number: self._checked(number, record) for number, record in found.items()}

    def _checked(self, number: int, record: SliceRecord | RecordError) -> SliceRecord | str:
        if isinstance(record, RecordError):
            return f"what it found cannot be read: {record}"
        if record.error:
            return record.error
        if len(record.scores) != self._parts[number][1]:
            return f"it scored {len(record.scores)} prompts, not {self._parts[number][1]}"
        if self._about.name and record.name != self._about.name:
            return f"it scored checkpoint {record.name}, not {self._about.name}"
        return record

    def _ask(self) -> None:
        """Which calls are over. What such a slice has said is read once more before it has failed."""
        now = self._mono()
        if self._asked_at is not None and now - self._asked_at < CALL_SECONDS:
            return
        self._asked_at = now
        for number in self._open:
            if number in self._calls and number not in self._over:
                state = self._tools.calls.state(self._calls[number])
                if state is not CallState.PENDING:
                    self._over[number] = state

    def _cancel(self) -> bool:
        """End what has not said anything; what has is kept."""
        for number in self._open:
            if number in self._calls:
                self._tools.calls.cancel(self._calls[number], kill=True)
        self._tell(self._read(), {}, outcome="cancelled")
        return True

    def _tell(
        self, found: Mapping[int, SliceRecord | str], failed: Mapping[int, str], outcome: str = ""
    ) -> bool:
        """Write down what is new; whether that was all."""
        scores = {number: record for number, record in found.items() if isinstance(record, SliceRecord)}
        errors = {number: error for number, error in found.items() if isinstance(error, str)} | dict(failed)
        self._scores |= scores
        self._failed |= errors.keys()
        is_over = bool(outcome) or not self._open
        drafts = [self._slice_failed(number, error) for number, error in sorted(errors.items())]
        if drafts or scores:
            drafts.append(Draft(type="evaluation.progressed", data=self._count()))
        if is_over:
            drafts.append(self._ended(outcome))
        if drafts:
            self._tools.journal.say(self._run, *drafts)
        return is_over

    def _slice_failed(self, number: int, error: str) -> Draft:
        first, count = self._parts[number]
        data = {
            "id": self._about.id,
            "slice": number,
            "first": first + 1,
            "last": first + count,
            "error": error,
        }
        return Draft(type="evaluation.slice_failed", sev=Severity.WARN, data=data)

    def _count(self) -> dict[str, Any]:
        return {
            "id": self._about.id,
            "done": len(self._scores),
            "failed": len(self._failed),
            "scored": sum(len(record.scores) for record in self._scores.values()),
            "seconds": round(max(0.0, self._tools.clock() - self._about.started_at), 3),
        }

    def _ended(self, outcome: str) -> Draft:
        if not outcome:
            outcome = "done" if not self._failed else "partial" if self._scores else "failed"
        count = self._count()
        scores = [score for _, record in sorted(self._scores.items()) for score in record.scores]
        data = count | {
            "step": self._about.step,
            "name": self._about.name,
            "slices": self._about.slices,
            "outcome": outcome,
            "metrics": summary(scores, count["seconds"]),
        }
        severity = Severity.INFO if outcome == "done" else Severity.WARN
        return Draft(type="evaluation.ended", sev=severity, data=data)

    def _known_failures(self) -> set[int]:
        types = ("evaluation.slice_failed",)
        rows = self._tools.reader.events(self._run, limit=10_000, types=types)
        own = (row.event.data for row in rows if row.event.data.get("id") == self._about.id)
        return {data["slice"] for data in own if data.get("slice") in self._parts}


def summary(scores: Sequence[tuple[float, bool]], seconds: float) -> dict[str, float]:
    """The figures of what was scored, as the trainer's own evaluation gives them; none of nothing."""
    if not scores:
        return {}
    return {
        "reward/mean": sum(reward for reward, _ in scores) / len(scores),
        "exact_match": sum(exact for _, exact in scores) / len(scores),
        "prompts": len(scores),
        "seconds": seconds,
    }
