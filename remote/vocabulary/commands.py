"""What an operator asks for, and how it was answered.

A viewer writes an `Intent`; the watcher carries it out and records an `Outcome`. Acknowledge and
snooze are about the watcher's own alerts and go no further. Evaluate is about a run's checkpoints and
touches no attempt. Checkpoint and stop travel on to the
trainer as a `Command` in the run's command log; a command names the attempt that it is aimed at and
when it expires, so a late one cannot hit a later attempt.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Verb(StrEnum):
    """What can be asked for. `DESIGN` table of verbs: who carries it out, and how."""

    SPAWN = "spawn"
    CHECKPOINT = "checkpoint"
    PREEMPT = "preempt"
    STOP = "stop"
    RESUME = "resume"
    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    ADOPT = "adopt"
    EVALUATE = "evaluate"
    CANCEL_EVALUATION = "cancel-eval"


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A wish, recorded before anything is sent. ``args`` of spawn and resume: ``config``
    (RunConfig as JSON), and for resume ``from_step`` (int, optional); of acknowledge and snooze ``rule``
    (the alert's), and for snooze ``until``; of adopt ``id`` (``fc-…`` or ``ap-…``), with ``run`` being
    that id too; of evaluate ``step``, ``prompts`` and ``slices`` (int, each
    optional). Times are unix seconds."""

    id: str
    verb: Verb
    run: str
    attempt: int | None = None
    args: dict[str, Any] = {}
    created_at: float
    expires_at: float
    by: str
    host: str


class OutcomeState(StrEnum):
    """Where an intent stands. DONE, REFUSED, FAILED and EXPIRED are final."""

    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be said of the intent."""
        return self is not OutcomeState.SENT


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an intent; ``detail`` is one sentence for the operator."""

    intent: str
    state: OutcomeState
    detail: str
    at: float


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A verb on its way to the trainer: taken at the next step boundary, once, and only by the
    attempt it names. ``id`` is the intent's."""

    id: str
    verb: Verb
    attempt: int
    expires_at: float
    by: str
    host: str
