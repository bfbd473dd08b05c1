"""One total order of fences and commits a run: what decides which checkpoint counts.

    log = CommitLog(table, attempt=2, boot_id=boot_id)
    start = log.fence(lambda records: ...)          # position to resume from, 0 = the beginning
    log.append_commit(step=40, name="step_00000040.a0002")

Files cannot be fenced: a container that is believed dead may wake up and write one, and Modal commits
volumes in the background. Positions can: ``log/<n>`` is taken by compare-and-set, so each has one winner.
An attempt's first act after its claim is to append a *fence* at the tail; a checkpoint counts only when
its record wins the next position. Whoever loses a position reads the winner, and a record of a higher
attempt tells it that it is *fenced*. A record that was written all the same after one of a higher attempt
is void, by the same rule in every reader.

The attempt is passed, not ambient, so that nobody can commit under a number that it did not claim. This
module knows nothing of files: a name is a word here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from remote.records import keys
from remote.records.errors import FencedError, RecordError, UnknownStepError
from remote.records.tables import Table, read_dense
from remote.records.values import decode, encode

FENCE = "fence"
COMMIT = "commit"
VOID = "void"
"""The kind of a record that cannot be read; it holds its position and counts for nothing."""


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at ``position`` (from 1). A fence says which position its attempt ``resumed_from``
    (0 is the beginning), a commit which checkpoint, and about it."""

    position: int = 0
    kind: str
    attempt: int
    boot_id: str
    t: float = 0.0
    resumed_from: int = 0
    step: int = 0
    name: str = ""
    about: dict[str, Any] = {}


class CommitLog:
    """One attempt's pen, and the records that it has read so far."""

    def __init__(
        self, table: Table, attempt: int, boot_id: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._table, self._attempt, self._boot_id, self._clock = table, attempt, boot_id, clock
        self._records: list[LogRecord] = []

    def records(self) -> list[LogRecord]:
        """Everything in the log up to now, in order."""
        self._records += read_log(self._table, len(self._records))
        return list(self._records)

    def fence(self, choose: Callable[[list[LogRecord]], int]) -> int:
        """Close the log to all earlier attempts; the position to resume from.

        ``choose`` gets every record before the fence and answers with the position of a commit that
        counts, or 0. It is asked again if another record came in between. Asking for the fence twice
        gives the same answer. FencedError if a higher attempt is in the log.
        """
        while True:
            records = self.records()
            self._check_not_fenced()
            for record in records:
                if record.kind == FENCE and self._is_ours(record):
                    return record.resumed_from
            position = choose(records)
            if position and position not in {record.position for record in recognised(records)}:
                raise ValueError(f"resume from position {position}, where no recognised checkpoint stands")
            if self._append(self._record(FENCE, resumed_from=position)):
                return position

    def append_commit(self, step: int, name: str, **about: Any) -> int:
        """Have the checkpoint ``name`` recognised; its position. Its files must be durable already.

        FencedError if a higher attempt is in the log. Asking twice for a name gives the same position,
        so that a caller which does not know what became of the first try can simply ask again.
        """
        while True:
            self._check_not_fenced()
            ours = [record for record in self._records if self._is_ours(record)]
            if not any(record.kind == FENCE for record in ours):
                raise RuntimeError(
                    f"attempt {self._attempt} has no fence; an attempt fences before it commits"
                )
            for record in ours:
                if record.kind == COMMIT and record.name == name:
                    return record.position
            if self._append(self._record(COMMIT, step=step, name=name, about=about)):
                return self._records[-1].position

    def _record(self, kind: str, **fields: Any) -> LogRecord:
        return LogRecord(
            position=len(self._records) + 1,
            kind=kind,
            attempt=self._attempt,
            boot_id=self._boot_id,
            t=self._clock(),
            **fields,
        )

    def _append(self, record: LogRecord) -> bool:
        """False when the position is taken. By whom, the caller sees in what has been read then: it may be
        by ourselves, since the reply to a success can get lost."""
        if self._table.add(keys.log(record.position), encode(record)):
            self._records.append(record)
            return True
        self.records()
        return False

    def _is_ours(self, record: LogRecord) -> bool:
        return record.attempt == self._attempt and record.boot_id == self._boot_id

    def _check_not_fenced(self) -> None:
        for record in self._records:
            if record.attempt > self._attempt:
                raise FencedError(
                    f"attempt {self._attempt} is fenced: position {record.position} of the commit log "
                    f"belongs to attempt {record.attempt}"
                )
            if record.attempt == self._attempt and not self._is_ours(record):
                raise FencedError(f"attempt {self._attempt} is fenced: boot {record.boot_id} has its number")


def read_log(table: Table, after: int = 0) -> list[LogRecord]:
    """The records behind position ``after``, in order."""
    return [_read(position, value) for position, value in read_dense(table, keys.log, after + 1)]


def newest(records: Sequence[LogRecord]) -> LogRecord | None:
    """The commit that counts now; None is the beginning. ``records`` are all, from position 1."""
    chain = lineage(records)
    return chain[-1] if chain else None


def lineage(records: Sequence[LogRecord]) -> list[LogRecord]:
    """The commits that the present state is made of, oldest first; the last one is `newest`.

    Work from which a later attempt turned back (resumed from before it) is not among them.
    """
    before, head = _history(records)
    return _back_from(head, before, records)[::-1]


def recognised(records: Sequence[LogRecord]) -> list[LogRecord]:
    """Every commit that counted when it was written, also those turned back from, in order."""
    before, _ = _history(records)
    return [records[position - 1] for position in before]


def starts(
    records: Sequence[LogRecord], *, from_step: int | None = None, first_attempt: int = 1
) -> list[LogRecord]:
    """The checkpoints to begin with, best first: try the next when one is damaged; none is step 0.

    ``from_step`` is the operator's wish for this generation of the run, 0 for the beginning. It is
    obeyed once: after a fence of the generation (its attempts begin with ``first_attempt``) a retry goes
    on from what has been reached since. UnknownStepError if no recognised checkpoint is of that step.
    """
    reached = any(record.kind == FENCE and record.attempt >= first_attempt for record in records)
    if from_step is None or reached:
        return lineage(records)[::-1]
    if from_step == 0:
        return []
    of_step = [record for record in recognised(records) if record.step == from_step]
    if not of_step:
        raise UnknownStepError(from_step, sorted({record.step for record in recognised(records)}))
    before, _ = _history(records)
    return _back_from(of_step[-1].position, before, records)


def _back_from(position: int, before: dict[int, int], records: Sequence[LogRecord]) -> list[LogRecord]:
    chain = []
    while position:
        chain.append(records[position - 1])
        position = before[position]
    return chain


def _history(records: Iterable[LogRecord]) -> tuple[dict[int, int], int]:
    """(position of each recognised commit → the one before it in its line or 0, the head)."""
    before: dict[int, int] = {}
    head = highest = 0
    for record in records:
        if record.kind == VOID or record.attempt < highest:
            continue
        highest = record.attempt
        if record.kind == FENCE:
            head = record.resumed_from if record.resumed_from in before else 0
        elif record.kind == COMMIT:
            before[record.position] = head
            head = record.position
    return before, head


def _read(position: int, value: bytes | RecordError) -> LogRecord:
    try:
        if isinstance(value, RecordError):
            raise value
        record = decode(value, LogRecord, keys.log(position))
    except RecordError as error:
        return LogRecord(position=position, kind=VOID, attempt=0, boot_id="", about={"why": str(error)})
    if record.kind not in (FENCE, COMMIT):
        return LogRecord(position=position, kind=VOID, attempt=0, boot_id="")
    return msgspec.structs.replace(record, position=position)
