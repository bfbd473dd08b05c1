"""A run's records as the values that the watcher reasons with. Reads tables, concludes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from remote.records import registry
from remote.records.attempt_claim import cause_of, read_ends
from remote.records.errors import RecordError
from remote.records.event_log import Batch
from remote.records.tables import ListableTable, Table
from remote.vocabulary.events import TRAINER, EventError, decode
from tui_app.journal.records import Arrival
from tui_app.state.view import RunView
from tui_app.watcher.inference import LastWord, Spawn


class ListedTable(Table, ListableTable, Protocol):
    """A table whose keys can be listed as well."""


OpenTable = Callable[[str, bool], ListedTable]
"""(name, whether to make it) → the table, or TableMissingError."""

_LOG = logging.getLogger(__name__)


def decoded(run: str, batches: Iterable[Batch]) -> tuple[list[Arrival], int]:
    """The events of these batches and how many lines were none. A container may only speak as the
    trainer of its own run, and in the attempt under which it wrote."""
    arrivals, bad = [], 0
    for batch in batches:
        bad += bool(batch.damaged)
        for line in batch.lines:
            try:
                event = decode(line)
            except EventError:
                bad += 1
                continue
            if (event.run, event.attempt, event.source) == (run, batch.attempt, TRAINER):
                arrivals.append(Arrival(event, line))
            else:
                bad += 1
    return arrivals, bad


def unsaid_spawns(table: Table, view: RunView, *, current_too: bool = False) -> list[Spawn]:
    """Generations that are reserved and of which the view does not know the call, in order.

    ``current_too`` asks again for the generation that the view is at: when a call was made twice, it
    is the claim that decides which of the two carries it out.
    """
    found = []
    told = bool(view.call_id and view.spawned_at is not None)
    generation = max(1, view.generation + (told and not current_too))
    try:
        while (reserved := registry.reservation(table, generation)) is not None:
            spawn = as_spawn(reserved, generation, registry.call_of(table, generation) or "")
            if not told or (generation, spawn.call_id) != (view.generation, view.call_id):
                found.append(spawn)
            generation += 1
    except RecordError as error:
        _LOG.warning("run %s: generation %d cannot be read: %s", view.run, generation, error)
    return found


def as_spawn(reserved: registry.Reservation, generation: int, call_id: str) -> Spawn:
    """A reservation and its call as one value."""
    return Spawn(
        generation=generation,
        verb=reserved.verb,
        by=reserved.by,
        host=reserved.host,
        config=reserved.config,
        from_step=reserved.from_step,
        at=reserved.at,
        call_id=call_id,
        intent=reserved.intent,
    )


def last_words(table: Table, view: RunView) -> dict[int, LastWord]:
    """The ends that attempts put into the records, by attempt."""
    words = {}
    count = view.attempts[-1].number if view.attempts else 0
    for number, end in enumerate(read_ends(table, count), 1):
        cause = cause_of(end)
        if end is not None and cause is not None:
            words[number] = LastWord(
                cause=cause,
                step=end.step,
                committed_step=end.committed_step,
                evidence=end.evidence,
                t=end.t,
            )
    return words
