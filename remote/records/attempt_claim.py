"""Who is carrying a run out: the owner of a generation, the number of an attempt, its last word.

A *generation* is one call of the run: the spawn is 1, each resume the next. An *attempt* is one container's
try at it; attempts are numbered from 1 without holes over all generations. Both are taken by
compare-and-set, and a claim whose reply was lost is recognised by what is stored: the call id for the
owner, the boot id (made anew in every process) for an attempt.

It counts what its predecessors left behind, because Modal tells nobody which attempt this is. It knows no
checkpoints and decides nothing from the counts.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from remote.records import keys
from remote.records.commit_log import read_log, recognised
from remote.records.errors import FencedError, RecordError
from remote.records.tables import Table, claim, get_many, read_dense
from remote.records.values import decode, encode
from remote.vocabulary.run_states import EndCause

FAILURES = (EndCause.EXCEPTION, EndCause.TIMEOUT)
"""Ends that use up a retry, if the platform will try again."""
PREEMPTIONS = (EndCause.PREEMPTED_DRAINED, EndCause.PREEMPTED_KILLED)


_CAUSES = frozenset(EndCause)


class ClaimRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at ``attempts/<n>``."""

    attempt: int
    generation: int
    boot_id: str
    call_id: str
    task_id: str
    host: str
    pid: int
    at: float


class EndRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at ``ends/<n>``: an attempt's last word, in its own view."""

    cause: str
    step: int
    committed_step: int
    evidence: str
    will_retry: bool
    t: float


class _Owner(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    at: float


class _Once(msgspec.Struct, frozen=True, kw_only=True):
    attempt: int
    token: str
    at: float


@dataclass(frozen=True, slots=True)
class Previous:
    """The attempt before; ``cause`` is None when it said nothing before it was gone."""

    number: int
    cause: EndCause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """This attempt's number, and what the attempts before it left behind."""

    number: int
    generation: int
    previous: Previous | None
    first_attempt: int
    """The number of this generation's first attempt."""
    retries_used: int
    """Ends of this generation that the platform answered with a retry."""
    preemptions: int
    """In the whole run."""
    attempts_without_commit: int
    """How many attempts of this generation in a row, up to the previous one, won no position in the commit
    log; preempted ones are passed over, they are not at fault."""


def claim_owner(
    table: Table, generation: int, call_id: str, *, clock: Callable[[], float] = time.time
) -> bool:
    """Whether this call carries the generation out. False: another one does, so do nothing."""
    value = encode(_Owner(call_id=call_id, at=clock()))
    return claim(table, keys.owner(generation), value, lambda stored: _is_owner(stored, call_id))[0]


def is_over(table: Table, generation: int) -> bool:
    """Whether an attempt of this generation has said that the run is over: it was completed, stopped, or
    gave up. The platform may still start another one, if it never got that call's answer."""
    claims = read_claims(table)
    ends = read_ends(table, len(claims))
    return any(
        end.cause in (EndCause.COMPLETED, EndCause.STOPPED) or (end.cause in FAILURES and not end.will_retry)
        for claimed, end in zip(claims, ends, strict=True)
        if end and claimed and claimed.generation == generation
    )


def owner_of(table: Table, generation: int) -> str | None:
    """The call that carries the generation out; None before its container has started."""
    value = table.get(keys.owner(generation))
    return None if value is None else decode(value, _Owner, keys.owner(generation)).call_id


def claim_attempt(
    table: Table,
    *,
    generation: int,
    boot_id: str,
    call_id: str,
    task_id: str,
    host: str,
    pid: int,
    now: float,
) -> Claim:
    """Take the next attempt number; asking again with the same ``boot_id`` gives the same one, until
    that attempt has ended. FencedError if a later generation of the run has already begun."""
    who = ClaimRecord(
        attempt=0,
        generation=generation,
        boot_id=boot_id,
        call_id=call_id,
        task_id=task_id,
        host=host,
        pid=pid,
        at=now,
    )
    claims: list[ClaimRecord | None] = []
    while True:
        claims += [_claim_record(n, value) for n, value in read_dense(table, keys.attempt, len(claims) + 1)]
        _check_generation(claims, generation)
        ends = read_ends(table, len(claims))
        number = _own_number(claims, ends, boot_id)
        if number is not None:
            return _counted(table, claims[:number], ends[:number], generation)
        record = msgspec.structs.replace(who, attempt=len(claims) + 1)
        if claim(table, keys.attempt(record.attempt), encode(record))[0]:
            return _counted(table, [*claims, record], [*ends, None], generation)


def read_claims(table: Table) -> list[ClaimRecord | None]:
    """The claims of all attempts, in order; None for one that cannot be read."""
    return [_claim_record(number, value) for number, value in read_dense(table, keys.attempt)]


def record_end(
    table: Table,
    attempt: int,
    *,
    cause: EndCause,
    step: int,
    committed_step: int,
    evidence: str,
    will_retry: bool,
    now: float,
) -> bool:
    """The attempt's last word; False if it had said one already, which stands."""
    value = encode(
        EndRecord(
            cause=cause,
            step=step,
            committed_step=committed_step,
            evidence=evidence,
            will_retry=will_retry,
            t=now,
        )
    )
    return claim(table, keys.end(attempt), value)[0]


def read_ends(table: Table, count: int) -> list[EndRecord | None]:
    """The last words of attempts 1 to ``count``; None where there is none that can be read."""
    numbers = range(1, count + 1)
    values = get_many(table, [keys.end(number) for number in numbers])
    return [_end_record(number, value) for number, value in zip(numbers, values, strict=True)]


def once(
    table: Table,
    what: str,
    attempt: int,
    *,
    clock: Callable[[], float] = time.time,
    token: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> bool:
    """True for the first who asks for ``what`` in the run's life, over all attempts; never twice."""
    value = encode(_Once(attempt=attempt, token=token(), at=clock()))
    return claim(table, keys.once(what), value)[0]


def _counted(
    table: Table,
    claims: Sequence[ClaimRecord | None],
    ends: Sequence[EndRecord | None],
    generation: int,
) -> Claim:
    """What the last of ``claims`` should know; ``ends`` is as long."""
    number = len(claims)
    own = [n for n, record in enumerate(claims, 1) if record and record.generation == generation]
    earlier = [(n, ends[n - 1]) for n in own if n < number]
    return Claim(
        number=number,
        generation=generation,
        previous=Previous(number - 1, cause_of(ends[number - 2])) if number > 1 else None,
        first_attempt=own[0],
        retries_used=sum(bool(end and end.will_retry and end.cause in FAILURES) for _, end in earlier),
        preemptions=sum(bool(end and end.cause in PREEMPTIONS) for end in ends[: number - 1]),
        attempts_without_commit=_without_commit(table, earlier),
    )


def _without_commit(table: Table, earlier: Sequence[tuple[int, EndRecord | None]]) -> int:
    if not earlier:
        return 0
    committed = {record.attempt for record in recognised(read_log(table))}
    count = 0
    for number, end in reversed(earlier):
        if number in committed:
            break
        count += not (end and end.cause in PREEMPTIONS)
    return count


def cause_of(end: EndRecord | None) -> EndCause | None:
    """The cause in an end record; None if there is no record, or an unknown word in it."""
    return EndCause(end.cause) if end and end.cause in _CAUSES else None


def _own_number(
    claims: Sequence[ClaimRecord | None], ends: Sequence[EndRecord | None], boot_id: str
) -> int | None:
    for number, record in enumerate(claims, 1):
        if record and record.boot_id == boot_id and ends[number - 1] is None:
            return number
    return None


def _check_generation(claims: Sequence[ClaimRecord | None], generation: int) -> None:
    for number, record in enumerate(claims, 1):
        if record and record.generation > generation:
            raise FencedError(
                f"generation {generation} is fenced: attempt {number} is of generation {record.generation}"
            )


def _is_owner(stored: bytes, call_id: str) -> bool:
    try:
        return decode(stored, _Owner, "owner").call_id == call_id
    except RecordError:
        return False


def _claim_record(number: int, value: bytes | RecordError) -> ClaimRecord | None:
    try:
        return None if isinstance(value, RecordError) else decode(value, ClaimRecord, keys.attempt(number))
    except RecordError:
        return None


def _end_record(number: int, value: bytes | RecordError | None) -> EndRecord | None:
    try:
        if value is None or isinstance(value, RecordError):
            return None
        return decode(value, EndRecord, keys.end(number))
    except RecordError:
        return None
