"""Who asked for what: our own intents with their outcomes, and what colleagues' watchers wrote down.

    for deed in deeds(reader, intents, "r7"): print(deed.t, deed.by, deed.host, deed.verb, deed.outcome)

Ours are known from intents.db and the journal's outcomes, also where no watcher has answered. Others'
are known from the run's own records, as far as the follower has seen them: ``intent.sent`` events
that name an id which is not ours, and spawns by another hand. It prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from remote.vocabulary.commands import Intent
from remote.vocabulary.events import Event
from tui_app.journal.reader import JournalReader, OutcomeRow
from tui_app.state.fields import Fields

ASKED, ANSWERED = ("intent.sent", "run.spawned"), ("command.done",)


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody asked for. Texts are as they were written: pass them through
    `text_safety`. ``t`` is unix seconds; ``ours`` says that it was asked on this machine."""

    id: str
    t: float
    run: str
    verb: str
    by: str
    host: str
    attempt: int | None
    outcome: str
    detail: str
    ours: bool


def deeds(reader: JournalReader, intents: Iterable[Intent], run: str | None = None) -> list[Deed]:
    """Everything that is known, oldest first; of one run, or of all."""
    found = {deed.id: deed for deed in _ours(intents, reader.outcomes(run), run)}
    names = [run] if run is not None else [summary.view.run for summary in reader.views()]
    for name in names:
        for type_ in (*ASKED, *ANSWERED):  # an answer may have arrived before the question was seen
            for event in _events(reader, name, (type_,)):  # one type at a time is a look into an index
                _add(found, event)
    return sorted(found.values(), key=lambda deed: (deed.t, deed.id))


def _ours(intents: Iterable[Intent], outcomes: Iterable[OutcomeRow], run: str | None) -> Iterator[Deed]:
    answered = {row.outcome.intent: row for row in outcomes}
    for intent in intents:
        if run is not None and intent.run != run:
            continue
        row = answered.pop(intent.id, None)
        yield Deed(
            id=intent.id,
            t=intent.created_at,
            run=intent.run,
            verb=intent.verb,
            by=intent.by,
            host=intent.host,
            attempt=intent.attempt,
            outcome=row.outcome.state if row is not None else "waiting",
            detail=row.outcome.detail if row is not None else "no watcher has answered",
            ours=True,
        )
    for row in answered.values():  # the intent itself was pruned
        yield Deed(
            id=row.outcome.intent,
            t=row.outcome.at,
            run=row.run,
            verb=row.verb,
            by=row.by,
            host=row.host,
            attempt=None,
            outcome=row.outcome.state,
            detail=row.outcome.detail,
            ours=True,
        )


def _events(reader: JournalReader, run: str, types: Sequence[str]) -> Iterator[Event]:
    row = 0
    while rows := reader.events(run, after_row=row, limit=1000, types=types):
        row = rows[-1].row_id
        yield from (each.event for each in rows)


def _add(found: dict[str, Deed], event: Event) -> None:
    """Take in a shared record, unless it is of one of ours."""
    fields = Fields(event.data)
    key = fields.text("id")
    known = found.get(key)
    if not key or (known is not None and known.ours):
        return
    if event.type == "command.done":
        if known is not None:
            said = {"outcome": fields.text("outcome"), "detail": fields.text("detail")}
            found[key] = msgspec.structs.replace(known, **said)
        return
    found[key] = Deed(
        id=key,
        t=event.t,
        run=event.run,
        verb=fields.text("verb"),
        by=fields.text("by") or "?",
        host=fields.text("host") or "?",
        attempt=event.attempt or None,
        outcome="done" if event.type == "run.spawned" else "sent",
        detail=fields.text("call_id") if event.type == "run.spawned" else "",
        ours=False,
    )
