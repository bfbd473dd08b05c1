"""One intent being carried out: what all verbs share.

    result = errand.step()        # None: not finished, step again soon

A step may fail with LinkError at any point and is then taken again, as it is by the next watcher
(``resumed``) when this one dies; so each verb is safe to repeat: a spawn is tied to its reservation,
a command to its id, and what cannot be repeated (a preemption) is given up instead. It knows neither
the verbs nor how intents arrive and outcomes are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from remote.records import keys
from remote.records.tables import Table
from remote.vocabulary.commands import Intent, Outcome, OutcomeState
from remote.vocabulary.events import Event
from tui_app.journal.reader import JournalReader
from tui_app.journal.records import Draft
from tui_app.journal.writer import JournalWriter
from tui_app.state.view import RunView
from tui_app.watcher.calls import Calls
from tui_app.watcher.run_records import OpenTable


class Result(NamedTuple):
    """How an errand ended, with one sentence for the operator."""

    state: OutcomeState
    detail: str


def done(detail: str) -> Result:
    """It was done."""
    return Result(OutcomeState.DONE, detail)


def refused(detail: str) -> Result:
    """It was not tried, because it would be wrong."""
    return Result(OutcomeState.REFUSED, detail)


def failed(detail: str) -> Result:
    """It was tried, and did not work."""
    return Result(OutcomeState.FAILED, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What errands work with. ``wake`` makes a run's follower look at once; ``clock`` is unix seconds."""

    journal: JournalWriter
    reader: JournalReader
    open_table: OpenTable
    calls: Calls
    wake: Callable[[str], None]
    clock: Callable[[], float] = time.time


class Errand:
    """Common to all verbs: the run's view, and saying that something was sent."""

    def __init__(self, intent: Intent, tools: Tools, *, resumed: bool) -> None:
        self.intent, self.tools = intent, tools
        self.is_sent = resumed
        self.has_begun = resumed
        """Whether something of it stands in the target, so that it must be brought to an end."""

    def step(self) -> Result | None:
        """Go on; the result once there is one. LinkError: try again."""
        raise NotImplementedError

    @property
    def view(self) -> RunView | None:
        """The run as recorded, None if it is unknown."""
        known = self.intent.run in self.tools.journal.runs()
        return self.tools.journal.view(self.intent.run) if known else None

    @property
    def is_expired(self) -> bool:
        """Whether the operator no longer expects this to happen."""
        return self.tools.clock() > self.intent.expires_at

    def mark_sent(self, attempt: int = 0) -> None:
        """Record that this is being carried out, before it is, for the audit and the next watcher."""
        if self.is_sent:
            return
        intent = self.intent
        outcome = Outcome(
            intent=intent.id, state=OutcomeState.SENT, detail="being carried out", at=self.tools.clock()
        )
        data = {"id": intent.id, "verb": intent.verb, "by": intent.by, "host": intent.host}
        with self.tools.journal.transaction():
            self.tools.journal.say(intent.run, Draft(attempt=attempt, type="intent.sent", data=data))
            self.tools.journal.record_outcome(intent, outcome)
        self.is_sent = self.has_begun = True

    def table(self, *, create: bool = False) -> Table:
        """The run's own table."""
        return self.tools.open_table(keys.run_table(self.intent.run), create)

    def own_events(self, *types: str, after_row: int = 0) -> Iterator[tuple[int, Event]]:
        """Events of the run that name this intent, with their rows."""
        for row in self.tools.reader.events(self.intent.run, after_row=after_row, limit=10_000, types=types):
            if row.event.data.get("id") == self.intent.id:
                yield row.row_id, row.event
