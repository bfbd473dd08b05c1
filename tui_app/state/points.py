"""Steps as points of curves: which metrics are drawn, and how a point is read from an event or its line."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from remote.vocabulary.events import Event, decode, number

STEP = "step.completed"
CHARTED = ("reward/mean", "loss", "mismatch_kl", "entropy", "tokens_per_second")
"""The metrics that have a curve."""


class Point(msgspec.Struct, frozen=True):
    """One finished step of one attempt."""

    step: int
    attempt: int
    metrics: Mapping[str, float]


def point_of(event: Event) -> Point | None:
    """The step that an event reports, None if it reports none."""
    if event.type != STEP:
        return None
    step, metrics = event.data.get("step"), event.data.get("metrics")
    if not isinstance(step, int) or step < 1 or not isinstance(metrics, Mapping):
        return None
    found = {}
    for name in CHARTED:
        value = metrics.get(name)
        if type(value) is not float:
            value = number(value)
        if value is not None:
            found[name] = value
    return Point(step, event.attempt, found)


_Charts = msgspec.defstruct(
    "_Charts",
    [(f"m{n}", float | str | None, None) for n in range(len(CHARTED))],
    rename=dict(zip((f"m{n}" for n in range(len(CHARTED))), CHARTED, strict=True)),
)


class _StepData(msgspec.Struct):
    step: int
    metrics: _Charts  # type: ignore[valid-type]


class _StepLine(msgspec.Struct):
    attempt: int
    data: _StepData


_STEP_DECODER = msgspec.json.Decoder(_StepLine)


def point_in(line: bytes) -> Point | None:
    """As `point_of`, from the line of a step, reading no more of it than the curves need."""
    try:
        said = _STEP_DECODER.decode(line)
    except msgspec.MsgspecError:
        return point_of(decode(line))
    if said.data.step < 1:
        return None
    metrics = {}
    for name, value in zip(CHARTED, msgspec.structs.astuple(said.data.metrics), strict=True):
        if type(value) is not float:
            value = number(value)
        if value is not None:
            metrics[name] = value
    return Point(said.data.step, said.attempt, metrics)
