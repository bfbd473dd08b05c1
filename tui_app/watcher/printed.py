"""Which printed lines are steps of a trainer that knows nothing of us: level 1. Pure.

    read("r7", '{"step": 5, "loss": 0.3}')     # Numbers(step=5, of=None, metrics={"loss": 0.3})
    read("r7", '{"v": 1, "run": ...}')         # the event, as one of run r7

Two forms count, each a line of its own; anything else is a line of the log and nothing more.

* The event line of `remote.vocabulary.events`. Its ``attempt`` and ``seq`` are believed, so repeats are
  dropped and holes are seen. It is taken as the adopted run's, whatever run it names.
* A flat JSON object of numbers alone with a whole ``step`` from 1 and at least one number beside it:
  ``of`` is the goal, ``attempt`` and ``seq`` (both, or neither) its identity, all others are metrics.
  One text, list or object in it and it is a log line, because a log line may well have a ``step``.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from remote.vocabulary.events import TRAINER, Event, EventError, decode, number

MAX_LINE = 64 * 1024
_PLACES = ("step", "of", "attempt", "seq")


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """A step in the short form. ``attempt`` and ``seq`` are 0 where the line does not say them."""

    step: int
    of: int | None
    metrics: dict[str, float]
    attempt: int = 0
    seq: int = 0

    @property
    def data(self) -> dict[str, Any]:
        """As the data of a ``step.completed``."""
        goal = {} if self.of is None else {"of": self.of}
        return {"step": self.step, "metrics": self.metrics, **goal}

    def event(self, run: str, t: float) -> Event | None:
        """The event that it is by its own identity; None if it has none. ``t`` is unix seconds."""
        if not self.attempt or not self.seq:
            return None
        return Event(
            run=run,
            attempt=self.attempt,
            source=TRAINER,
            seq=self.seq,
            t=t,
            mono=0.0,
            type="step.completed",
            data=self.data,
        )


def read(run: str, text: str) -> Event | Numbers | None:
    """What a printed line says of the run; None is an ordinary line."""
    if not text.startswith("{") or len(text) > MAX_LINE:
        return None
    try:
        event = decode(text.encode())
    except (EventError, UnicodeEncodeError):
        return _numbers(text)
    return msgspec.structs.replace(event, run=run, source=TRAINER) if event.attempt else None


def _numbers(text: str) -> Numbers | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict):
        return None
    places = {name: line.pop(name, None) for name in _PLACES}
    metrics = {name: number(value) for name, value in line.items()}
    whole = all(value is None or _is_whole(value) for value in places.values())
    sure = {name: value for name, value in metrics.items() if value is not None}
    paired = (places["attempt"] is None) == (places["seq"] is None)
    if places["step"] is None or not whole or not paired or not sure or len(sure) != len(metrics):
        return None
    return Numbers(
        step=places["step"],
        of=places["of"],
        metrics=sure,
        attempt=places["attempt"] or 0,
        seq=places["seq"] or 0,
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**53
