"""A value in a table is JSON bytes; here it is made and read back, typed.

Every struct of this room decodes leniently (unknown fields are ignored) and totally: whatever a
hostile writer put there becomes a value of the asked type or a RecordError.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from remote.records.errors import RecordError

T = TypeVar("T")


def encode(value: object) -> bytes:
    """The JSON bytes of a struct or of plain values; equal values give equal bytes."""
    return msgspec.json.encode(value)


def decode(value: bytes, kind: type[T], where: str) -> T:
    """The ``kind`` that stands at ``where``, or RecordError naming the place."""
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{where}: {error}") from error
