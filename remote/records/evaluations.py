"""What each slice of an asked evaluation found, from the container that scored it to the watcher.

    write_slice(table, "in-1", 3, SliceRecord(step=80, scores=((0.5, False),)))
    read_slices(table, "in-1", [3, 4])       # {3: SliceRecord(...)}: slice 4 has not said anything yet

A slice writes a record and returns nothing of worth, because the result of a call is a pickle, and its
reader holds the operator's token. The first record of a slice counts: one that the platform carried out
twice says the same twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from remote.records import keys
from remote.records.errors import RecordError
from remote.records.tables import Table, get_many
from remote.records.values import decode, encode

ERROR_LIMIT = 500


class SliceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The ``scores`` (reward, exact) of a slice's prompts in their order, by checkpoint ``name`` of
    ``step``, in ``seconds``; or why there are none, as one line."""

    step: int = 0
    name: str = ""
    scores: tuple[tuple[float, bool], ...] = ()
    seconds: float = 0.0
    error: str = ""


def write_slice(table: Table, evaluation_id: str, number: int, record: SliceRecord) -> None:
    """Say what slice ``number`` found, unless it has been said."""
    table.add(keys.evaluation(evaluation_id, number), encode(record))


def read_slices(
    table: Table, evaluation_id: str, numbers: Sequence[int]
) -> dict[int, SliceRecord | RecordError]:
    """Of these slices those that have said something; RecordError for what cannot be read."""
    places = [keys.evaluation(evaluation_id, number) for number in numbers]
    found = zip(numbers, places, get_many(table, places), strict=True)
    return {number: _read(value, place) for number, place, value in found if value is not None}


def _read(value: bytes | RecordError, place: str) -> SliceRecord | RecordError:
    if isinstance(value, RecordError):
        return value
    try:
        return decode(value, SliceRecord, place)
    except RecordError as error:
        return error
