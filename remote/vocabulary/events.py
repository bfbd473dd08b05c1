"""One event: the only thing a trainer says and the only thing a viewer is told.

    Event(run="r7", attempt=2, source="trainer", seq=14, t=1795500082.183, mono=912.4,
          type="step.completed", data={"step": 40, "of": 250, "metrics": {"loss": 0.1}})

``(run, attempt, source, seq)`` is its identity and ``seq`` is dense from 1 for each source and
attempt: a repeat can be dropped and a hole can be seen. Types are ``noun.past_tense``; readers
ignore types and fields that they do not know. One event is one line of JSON, the same line in the
live log, in the archive and on stdout.

Every type, who writes it, and its data (``?`` may be absent; steps are 1-based numbers of finished
optimiser steps, seconds are floats, sizes are bytes):

=======================  =======  ==============================================================
type                     source   data
=======================  =======  ==============================================================
run.spawned              watcher  call_id, verb (spawn|resume), by, host, config (RunConfig json),
                                  generation, from_step?, id? (of the intent)
run.adopted              watcher  call_id, function, level (L0|L1), by, host
container.seen           watcher  task_id (one of a foreign call: its next attempt)
attempt.claimed          trainer  call_id, input_id?, task_id, boot_id, host, pid, start (StartKind),
                                  boot_seconds (enter start to claim), previous? {attempt, cause},
                                  resumed_from (step, 0 = from scratch), retries_used, max_retries,
                                  preemptions
phase.changed            trainer  phase (AttemptPhase)
gpu.found                trainer  requested ("H100:8"), requested_count, count, names, cpu_demo (bool)
model.loaded             trainer  model, parameters, seconds
checkpoint.loaded        trainer  step, name, position, seconds, exact (bool: what follows repeats
                                  bit for bit), differs [what is not as it was]
checkpoint.skipped       trainer  name, why (damaged or unrecognised; never deleted silently)
step.completed           trainer  step, of, metrics {name: number}
rollout.sampled          trainer  step, samples [{prompt, completion, reward, advantage}] (at most 4)
eval.completed           trainer  step, metrics {reward/mean, exact_match, prompts, seconds}
checkpoint.saved         trainer  step, name, bytes, seconds, reason (interval|operator|preemption|
                                  stop|final)
volume.committed         trainer  step, name, position, bytes, seconds, tries
volume.commit_failed     trainer  step, name, error, try, retry_in? (seconds)
checkpoint.deleted       trainer  step, name
drain.started            trainer  cause (preempted|timeout|cancelled|stop), grace (seconds),
                                  deadline (unix time), saving (bool), why, step, committed_step
drill.announced          trainer  kind (exception|preempt|commit_failure), at_step, in_steps,
                                  in_seconds, text
drill.executed           trainer  kind, at_step
command.received         trainer  id, verb
command.done             trainer  id, verb, outcome (done|refused), detail
exception.raised         trainer  kind (class name), message, traceback (last lines), retryable
attempt.ended            both     cause (EndCause), step, committed_step, evidence, will_retry?,
                                  retry? (k), of? (N), delay? (seconds), inferred? (by the watcher)
retry.scheduled          watcher  retry (k), of (N), delay, due (unix time), evidence, inferred
run.ended                both     state (SUCCEEDED|FAILED|STOPPED), reason?, detail, step,
                                  committed_step
intent.sent              watcher  id, verb, by, host
intent.done              watcher  id, verb, outcome, detail
alert.raised             watcher  rule, severity, text, evidence, key, step
alert.cleared            watcher  rule, text, seconds (how long it stood)
evaluation.started       watcher  id (of the intent), step, name (of the checkpoint), prompts, slices, gpu
                                  ("H100", one a slice; empty for none), by, host
evaluation.slice_failed  watcher  id, slice (from 1), first, last (held-out prompts, from 1), error
evaluation.progressed    watcher  id, done, failed (slices so far), scored (prompts), seconds (so far)
evaluation.ended         watcher  id, step, name, outcome (done|partial|failed|cancelled), done, failed,
                                  slices, seconds, metrics {reward/mean, exact_match, prompts, seconds}
host.sampled             trainer  cpu_percent, rss, disk_free, gpu? [{name, memory, utilisation}]
=======================  =======  ==============================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import msgspec

SCHEMA_VERSION = 1
TRAINER = "trainer"
MAX_EVENT_BYTES = 256 * 1024
LARGEST_WHOLE = 2**53
"""The largest whole number that every reader of JSON, and a database, keeps as it is."""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_TYPE = re.compile(r"[a-z][a-z_]{0,31}\.[a-z][a-z_]{0,31}\Z")


class EventError(ValueError):
    """A line is not an event: it names what is wrong with it."""


class Severity(IntEnum):
    """OpenTelemetry severity numbers, the three that we use."""

    INFO = 9
    WARN = 13
    ERROR = 17


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, said once. ``t`` is unix time in seconds (UTC), ``mono`` the
    writer's monotonic clock in seconds (durations within one attempt)."""

    run: str
    attempt: int
    source: str
    seq: int
    t: float
    mono: float
    type: str
    sev: int = Severity.INFO
    data: dict[str, Any] = {}
    v: int = SCHEMA_VERSION

    @property
    def key(self) -> tuple[str, int, str, int]:
        """The identity: the same key is the same event, however often it arrives."""
        return (self.run, self.attempt, self.source, self.seq)


class _Line(msgspec.Struct, forbid_unknown_fields=False):
    """The wire form: as Event, with ``t`` as ISO 8601 in UTC with milliseconds."""

    v: int
    run: str
    attempt: int
    source: str
    seq: int
    t: str
    mono: float
    type: str
    sev: int
    data: dict[str, Any]


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Line)


def encode(event: Event) -> bytes:
    """One line of JSON without the newline. NaN and infinities become the strings "NaN",
    "Infinity" and "-Infinity", which JSON lacks and a diverged loss needs."""
    line = _Line(
        v=event.v,
        run=event.run,
        attempt=event.attempt,
        source=event.source,
        seq=event.seq,
        t=iso(event.t),
        mono=round(event.mono, 6),
        type=event.type,
        sev=event.sev,
        data=_finite(event.data),
    )
    return _ENCODER.encode(line)


def decode(line: bytes) -> Event:
    """The event of one line, or EventError. Never executes anything that it reads."""
    if len(line) > MAX_EVENT_BYTES:
        raise EventError(f"event of {len(line)} bytes; at most {MAX_EVENT_BYTES} are allowed")
    try:
        raw = _DECODER.decode(line)
        t = datetime.fromisoformat(raw.t).timestamp()
    except (msgspec.MsgspecError, ValueError, OverflowError, UnicodeDecodeError, RecursionError) as error:
        raise EventError(f"not an event: {error}") from error
    if not _TYPE.match(raw.type):
        raise EventError(f"event type {raw.type[:40]!r}; a type reads noun.past_tense")
    if raw.attempt < 0 or raw.seq < 1:
        raise EventError(f"attempt {raw.attempt}, seq {raw.seq}; attempt counts from 0, seq from 1")
    if max(raw.attempt, raw.seq, abs(raw.sev)) > LARGEST_WHOLE:
        raise EventError("attempt, seq or sev is beyond 2**53")
    if not is_time(t):
        raise EventError(f"time {raw.t[:40]!r}; a time is from 1970 to 9998, in UTC")
    return Event(
        v=raw.v,
        run=raw.run,
        attempt=raw.attempt,
        source=raw.source,
        seq=raw.seq,
        t=t,
        mono=raw.mono,
        type=raw.type,
        sev=raw.sev,
        data=raw.data,
    )


def is_time(t: float) -> bool:
    """Whether this unix time can be an event's: finite, and a date in every time zone's calendar."""
    return _EARLIEST <= t < _LATEST


def iso(t: float) -> str:
    """Unix time as ``2026-11-24T04:01:22.183Z``."""
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(value: object) -> float | None:
    """A metric's value as a float, undoing what `encode` did to NaN and infinities; None where
    it is not a number, or a whole one that no float can be."""
    if isinstance(value, str):
        return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
