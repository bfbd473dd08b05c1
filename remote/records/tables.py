"""A named table with compare-and-set, and the one that lives in a ``modal.Dict``.

    table = ModalTable.open(keys.run_table("r7"))
    table.add(keys.owner(1), value)     # True for exactly one caller
    table.get(keys.owner(1))            # bytes, never an object

``put`` and ``add`` are the client's public API. ``get`` is not: ``modal.Dict.get`` unpickles, and a
pickle is a program. The table of a run is written by the run's container, and its reader may hold the
operator's token; so a value is asked for raw and its pickle is *parsed*, not executed: nothing but the
few opcodes by which one bytes object is written is accepted.

Everything may be called from any plain thread. This module is the only one of this room that knows
modal. Errors of the network pass through as the client raises them.
"""

from __future__ import annotations

import asyncio
import pickletools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import modal
from modal._serialization import serialize
from modal._utils.async_utils import synchronizer
from modal.exception import NotFoundError
from modal_proto import api_pb2

from remote.records.errors import RecordError, TableMissingError

PARALLEL_READS = 16
_FRAMING = {"PROTO", "FRAME", "MEMOIZE", "STOP"}
_BYTES = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8"}
_TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}


class Table(Protocol):
    """Flat string keys, values of bytes."""

    def get(self, key: str) -> bytes | None:
        """The value, or None where there is none; RecordError if it is not bytes."""

    def put(self, key: str, value: bytes) -> None:
        """Write, over whatever was there."""

    def add(self, key: str, value: bytes) -> bool:
        """Write if nothing is there; False if something was, or if the reply to our own success was
        lost on the way: read it back (`claim`) before believing the loss."""


@runtime_checkable
class BulkTable(Protocol):
    """A table that can read several keys in one round trip."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | RecordError | None]:
        """As `get` for each key, in order; a bad value is its own RecordError and spoils no other."""


@runtime_checkable
class ListableTable(Protocol):
    """A table whose keys can be listed."""

    def contents(self) -> dict[str, bytes]:
        """All entries that can be read, in no order; the others are left out."""


def claim(
    table: Table, key: str, value: bytes, mine: Callable[[bytes], bool] | None = None
) -> tuple[bool, bytes]:
    """Take ``key`` by compare-and-set: (whether it is ours, what stands there).

    The client repeats a request whose reply was lost, and the repeat answers False; ``mine`` decides
    by what is stored (without it, equal bytes are ours). Whoever calls again after an exception gets the
    same answer. What cannot be read is somebody else's and given as b"".
    """
    if table.add(key, value):
        return True, value
    try:
        stored = table.get(key)
    except RecordError:
        return False, b""
    if stored is None:
        raise RecordError(f"{key} could not be added, yet nothing is there")
    return (mine(stored) if mine else stored == value), stored


def get_many(table: Table, keys: Sequence[str]) -> list[bytes | RecordError | None]:
    """Several keys at once where the table can, one after the other where it cannot."""
    if isinstance(table, BulkTable):
        return table.get_many(keys)
    return [_get_or_error(table, key) for key in keys]


def read_dense(
    table: Table, key: Callable[[int], str], first: int = 1, limit: int | None = None
) -> Iterator[tuple[int, bytes | RecordError]]:
    """The values at ``key(first)``, ``key(first + 1)`` … up to the first that is missing.

    Asks for one, then for ever more at once, so that the usual "nothing new" costs one request and
    a long log does not cost a round trip an entry.
    """
    window, stop = 1, None if limit is None else first + limit
    while stop is None or first < stop:
        numbers = range(first, first + window if stop is None else min(first + window, stop))
        for number, value in zip(numbers, get_many(table, [key(n) for n in numbers]), strict=True):
            if value is None:
                return
            yield number, value
        first, window = numbers.stop, min(window * 4, 4 * PARALLEL_READS)


class ModalTable:
    """A ``modal.Dict``, by name, in the environment that the modal client is configured for."""

    def __init__(self, handle: modal.Dict) -> None:
        self._handle = handle

    @classmethod
    def open(cls, name: str, *, create: bool = True) -> ModalTable:
        """The Dict of this name; TableMissingError if there is none and ``create`` is False."""
        handle = modal.Dict.from_name(name, create_if_missing=create)
        try:
            handle.hydrate()
        except NotFoundError as error:
            raise TableMissingError(name) from error
        return cls(handle)

    def get(self, key: str) -> bytes | None:
        """See `Table.get`."""
        (value,) = self.get_many([key])
        if isinstance(value, RecordError):
            raise value
        return value

    def get_many(self, keys: Sequence[str]) -> list[bytes | RecordError | None]:
        """See `BulkTable.get_many`."""
        found = _raw_get(self._handle, [serialize(key) for key in keys])
        return [_bytes_or_error(key, raw) for key, raw in zip(keys, found, strict=True)]

    def put(self, key: str, value: bytes) -> None:
        """See `Table.put`."""
        self._handle.put(key, value)

    def add(self, key: str, value: bytes) -> bool:
        """See `Table.add`."""
        return bool(self._handle.put(key, value, skip_if_exists=True))

    def contents(self) -> dict[str, bytes]:
        """See `ListableTable.contents`."""
        readable = {}
        for raw_key, raw_value in _raw_contents(self._handle):
            try:
                readable[unpickle_text(raw_key)] = unpickle_bytes(raw_value)
            except RecordError:
                continue
        return readable


def unpickle_bytes(pickled: bytes) -> bytes:
    """The bytes object of a pickle that holds nothing else, without executing it; else RecordError."""
    value = _only_value(pickled, _BYTES)
    assert isinstance(value, bytes)
    return value


def unpickle_text(pickled: bytes) -> str:
    """The string of a pickle that holds nothing else, without executing it; else RecordError."""
    return str(_only_value(pickled, _TEXT))


def _only_value(pickled: bytes, allowed: set[str]) -> Any:
    values = []
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name in allowed:
                values.append(argument)
            elif opcode.name not in _FRAMING:
                raise RecordError(f"a pickle with {opcode.name} is refused; only plain values are read")
    except RecordError:
        raise
    except Exception as error:
        raise RecordError(f"not a pickle: {error}") from error
    if len(values) != 1:
        raise RecordError(f"a pickle of {len(values)} values is refused; it holds one")
    return values[0]


def _bytes_or_error(key: str, raw: bytes | None) -> bytes | RecordError | None:
    try:
        return None if raw is None else unpickle_bytes(raw)
    except RecordError as error:
        return RecordError(f"{key}: {error}")


def _get_or_error(table: Table, key: str) -> bytes | RecordError | None:
    try:
        return table.get(key)
    except RecordError as error:
        return error


async def _get_raw(handle: Any, keys: Sequence[bytes]) -> list[bytes | None]:
    await handle.hydrate()
    gate = asyncio.Semaphore(PARALLEL_READS)

    async def one(key: bytes) -> bytes | None:
        async with gate:
            request = api_pb2.DictGetRequest(dict_id=handle.object_id, key=key)
            reply = await handle.client._stub.DictGet(request)
        return reply.value if reply.found else None

    return await asyncio.gather(*(one(key) for key in keys))


async def _contents_raw(handle: Any) -> list[tuple[bytes, bytes]]:
    await handle.hydrate()
    request = api_pb2.DictContentsRequest(dict_id=handle.object_id, keys=True, values=True)
    stream = handle.client._stub.DictContents.unary_stream(request)
    return [(entry.key, entry.value) async for entry in stream]


_raw_get = synchronizer.create_blocking(_get_raw)
_raw_contents = synchronizer.create_blocking(_contents_raw)
