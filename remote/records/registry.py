"""Which runs exist, who asked for them, and which call carries each generation out.

The registry is a table of its own that lists every run; the rest stands in the run's table. Spawning is
idempotent: the intent *reserves* a generation of the run by compare-and-set before any call is made, and
the trainer claims the generation for its call (`attempt_claim.claim_owner`), so that neither two
operators nor one who asks twice can have two calls at work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from remote.records import keys
from remote.records.attempt_claim import owner_of
from remote.records.errors import RecordError
from remote.records.tables import ListableTable, Table, claim, read_dense
from remote.records.values import decode, encode


class RunEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the registry. ``created_at`` is unix seconds."""

    run: str
    created_at: float
    by: str
    host: str


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for a generation of a run, and with what. ``intent`` is the intent's id, ``config`` a
    RunConfig as JSON, ``from_step`` the operator's choice of checkpoint in a resume."""

    intent: str
    verb: str
    by: str
    host: str
    config: dict[str, Any]
    from_step: int | None = None
    at: float


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    at: float


def register(registry: Table, run: str, by: str, host: str, now: float) -> bool:
    """Make the run known; False if it was. ValueError for a name that is not allowed."""
    entry = RunEntry(run=keys.check_run_name(run), created_at=now, by=by, host=host)
    value = encode(entry)
    return claim(registry, keys.registered(run), value)[0]


def is_registered(registry: Table, run: str) -> bool:
    """Whether the run is known."""
    return registry.get(keys.registered(run)) is not None


def runs(registry: ListableTable) -> list[RunEntry]:
    """All known runs, oldest first; entries that cannot be read are left out."""
    entries = []
    for key, value in registry.contents().items():
        try:
            entry = decode(value, RunEntry, key)
        except RecordError:
            continue
        if keys.registered_run(key) == entry.run:
            entries.append(entry)
    return sorted(entries, key=lambda entry: (entry.created_at, entry.run))


def reserve(table: Table, reservation: Reservation, *, generation: int | None = None) -> tuple[int, bool]:
    """Take a generation of the run for this intent: (its number, whether it is ours).

    ``generation`` is the one that the caller has decided on, 1 for a spawn; None means the one after the
    latest. One that this intent reserved before is ours again. When somebody else was faster the answer
    is False, and never the generation after that: two calls of a run must not be at work.
    """
    latest = 0
    for number, value in read_dense(table, keys.spawn):
        latest = number
        if _intent(number, value) == reservation.intent:
            return number, True
    wanted = latest + 1 if generation is None else generation
    if wanted != latest + 1:
        return wanted, False
    sent = encode(reservation)
    return wanted, claim(table, keys.spawn(wanted), sent)[0]


def latest_generation(table: Table) -> int:
    """The newest reserved generation; 0 if there is none."""
    return max((number for number, _ in read_dense(table, keys.spawn)), default=0)


def reservation(table: Table, generation: int) -> Reservation | None:
    """Who reserved a generation; None if nobody did. RecordError if it cannot be read."""
    value = table.get(keys.spawn(generation))
    return None if value is None else decode(value, Reservation, keys.spawn(generation))


def record_call(
    table: Table, generation: int, call_id: str, *, clock: Callable[[], float] = time.time
) -> None:
    """Write down the call that was made for a reservation."""
    table.put(keys.call(generation), encode(_Call(call_id=call_id, at=clock())))


def call_of(table: Table, generation: int) -> str | None:
    """The call that carries a generation out: the one that claimed it, or, before that, the one that was
    made. A watcher that died between the call and its record may have called twice; only one claims."""
    owner = owner_of(table, generation)
    if owner is not None:
        return owner
    value = table.get(keys.call(generation))
    return None if value is None else decode(value, _Call, keys.call(generation)).call_id


def _intent(number: int, value: bytes | RecordError) -> str | None:
    try:
        if isinstance(value, RecordError):
            raise value
        return decode(value, Reservation, keys.spawn(number)).intent
    except RecordError:
        return None
