"""What a tab needs from the journal beside the run's view: read on demand, by the feed's thread.

    wanted = Wanted(Topic.ROLLOUTS, ("r7",))
    lookup = Lookup(wanted, locations)
    lookup.read(reader)          # records that are new since the last call, oldest first; [] for none

It remembers how far it has read, so that a round with nothing new costs one indexed question. Every
text passes the gate here. It knows neither the screen nor the thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from remote.vocabulary.commands import Intent
from remote.vocabulary.events import Event
from tui_app import audit
from tui_app.audit import deeds
from tui_app.journal.intents import IntentReader
from tui_app.journal.reader import JournalReader
from tui_app.locations import Locations
from tui_app.state.evaluation import TYPES as ASKED_TYPES
from tui_app.state.fields import Fields
from tui_app.state.points import point_of
from tui_app.text_safety import LIMIT, plain, plain_lines, redact, shown
from tui_app.widgets.records import (
    CheckpointNews,
    CurvesOf,
    Deed,
    Evaluation,
    EvaluationNews,
    GpuSample,
    HostSample,
    Printed,
    Record,
    Rollouts,
    Sample,
    StepOf,
)

BATCH = 500
TEXT_LINES = 200
AUDIT_SECONDS = 2.0
"""How often deeds are gathered while somebody looks at them."""


class Topic(StrEnum):
    """What can be looked up."""

    ROLLOUTS = "rollouts"
    VOLUME = "volume"
    LOGS = "logs"
    HOST = "host"
    EVAL = "eval"
    AUDIT = "audit"
    COMPARE = "compare"


class Wanted(msgspec.Struct, frozen=True):
    """A topic of these runs; for the audit, none is all of them."""

    topic: Topic
    runs: tuple[str, ...]


class Lookup:
    """One topic, read on from wherever it has come to."""

    def __init__(
        self, wanted: Wanted, locations: Locations, mono: Callable[[], float] = time.monotonic
    ) -> None:
        self.wanted = wanted
        self._mono, self._gathered_at = mono, 0.0
        self._locations = locations
        self._rows = dict.fromkeys(wanted.runs, 0)
        self._told: dict[str, Deed] = {}

    def read(self, reader: JournalReader) -> list[Record]:
        """What is new, at most a batch of each run."""
        if self.wanted.topic is Topic.LOGS:
            return self._printed(reader)
        if self.wanted.topic is Topic.AUDIT:
            return self._deeds(reader)
        make, types = _OF_EVENTS[self.wanted.topic]
        found: list[Record] = self._curves(reader) if self.wanted.topic is Topic.COMPARE else []
        for run in self.wanted.runs:
            for event in self._events(reader, run, types):
                record = make(event, Fields(event.data))
                if record is not None:
                    found.append(record)
        return found

    def _curves(self, reader: JournalReader) -> list[Record]:
        found: list[Record] = []
        for run in self.wanted.runs:
            if not self._rows[run]:
                self._rows[run], track = reader.curves(run)
                found.append(CurvesOf(run, track))
        return found

    def _events(self, reader: JournalReader, run: str, types: tuple[str, ...]) -> list[Event]:
        newest = reader.newest_row()  # a row that comes after this is read all the same
        if newest <= self._rows[run]:
            return []
        rows = reader.events(run, self._rows[run], BATCH, types)
        last = rows[-1].row_id if rows else 0
        self._rows[run] = last if len(rows) == BATCH else max(newest, last)
        return [row.event for row in rows]

    def _printed(self, reader: JournalReader) -> list[Record]:
        found: list[Record] = []
        for run in self.wanted.runs:
            rows = reader.logs(run, self._rows[run], BATCH)
            if rows:
                self._rows[run] = rows[-1].log_id
            found += [
                Printed(r.line.t, plain(r.line.fd, 8), shown(r.line.text), r.line.possible_repeat)
                for r in rows
            ]
        return found

    def _deeds(self, reader: JournalReader) -> list[Record]:
        return list(self._changed(reader))

    def _changed(self, reader: JournalReader) -> list[Deed]:
        """The deeds that are not as they were; all are gathered anew, so not at every call."""
        if self._told and self._mono() - self._gathered_at < AUDIT_SECONDS:
            return []
        self._gathered_at = self._mono()
        run = self.wanted.runs[0] if self.wanted.runs else None
        found = [_cleaned(deed) for deed in deeds(reader, self._intents(), run)]
        new = [deed for deed in found if self._told.get(deed.id) != deed]
        self._told.update({deed.id: deed for deed in new})
        return new

    def _intents(self) -> list[Intent]:
        reader = IntentReader(self._locations.intents)
        try:
            return [intent for _, intent in reader.read(limit=-1)]
        finally:
            reader.close()


def _cleaned(deed: audit.Deed) -> Deed:
    return Deed(
        shown(deed.id, 64),
        deed.t,
        shown(deed.run, 48),
        shown(deed.verb, 20),
        shown(deed.by, 32),
        shown(deed.host, 48),
        shown(deed.outcome, 20),
        shown(deed.detail, 300),
        shared=not deed.ours,
    )


def _text(value: object) -> tuple[str, ...]:
    text = redact(str(value)[: 8 * LIMIT]) if value is not None else ""
    return tuple(plain_lines(text)[:TEXT_LINES])


def _rollouts(event: Event, fields: Fields) -> Record | None:
    step = fields.whole("step")
    if step is None:
        return None
    samples = tuple(
        Sample(
            _text(item.get("prompt")),
            _text(item.get("completion")),
            Fields(item).real("reward"),
            Fields(item).real("advantage"),
        )
        for item in fields.items("samples")[:64]
    )
    return Rollouts(step, event.attempt, event.t, samples)


_COUNTED = ("step", "prompts", "slices", "done", "failed", "scored", "slice", "first", "last")


def _evaluation(event: Event, fields: Fields) -> Record | None:
    """One of the trainer's own, or news of one that was asked for."""
    if event.type != "eval.completed":
        return EvaluationNews(
            kind=event.type.removeprefix("evaluation."),
            id=shown(fields.text("id"), 64),
            t=event.t,
            gpu=shown(fields.text("gpu"), 24),
            by=shown(fields.text("by"), 32),
            outcome=shown(fields.text("outcome"), 20),
            metrics=fields.metrics(),
            error=shown(fields.text("error"), 300),
            **{name: fields.whole(name) or 0 for name in _COUNTED},
        )
    step = fields.whole("step")
    return None if step is None else Evaluation(step, event.attempt, event.t, fields.metrics())


def _host(event: Event, fields: Fields) -> Record:
    gpus = tuple(
        GpuSample(
            shown(str(item.get("name", "")), 40),
            Fields(item).real("memory"),
            Fields(item).real("utilisation"),
        )
        for item in fields.items("gpu")[:64]
    )
    return HostSample(
        event.t, event.attempt, fields.real("cpu_percent"), fields.real("rss"), fields.real("disk_free"), gpus
    )


_KINDS = {
    "checkpoint.saved": "saved",
    "volume.committed": "committed",
    "volume.commit_failed": "failed",
    "checkpoint.deleted": "deleted",
    "checkpoint.skipped": "skipped",
    "checkpoint.loaded": "loaded",
}


def _checkpoint(event: Event, fields: Fields) -> Record:
    tries = fields.whole("tries")
    return CheckpointNews(
        _KINDS[event.type],
        event.t,
        event.attempt,
        fields.whole("step"),
        shown(fields.text("name"), 64),
        fields.whole("position"),
        fields.whole("bytes"),
        fields.real("seconds"),
        tries if tries is not None else fields.whole("try"),
        shown(fields.text("why") or fields.text("error") or fields.text("reason"), 200),
    )


def _step_of(event: Event, fields: Fields) -> Record | None:
    point = point_of(event)
    return None if point is None else StepOf(event.run, point.step, point.attempt, point.metrics)


_OF_EVENTS: dict[Topic, tuple[Callable[[Event, Fields], Record | None], tuple[str, ...]]] = {
    Topic.ROLLOUTS: (_rollouts, ("rollout.sampled",)),
    Topic.EVAL: (_evaluation, ("eval.completed", *ASKED_TYPES)),
    Topic.HOST: (_host, ("host.sampled",)),
    Topic.VOLUME: (_checkpoint, tuple(_KINDS)),
    Topic.COMPARE: (_step_of, ("step.completed",)),
}
