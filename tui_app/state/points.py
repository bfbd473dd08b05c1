"""Steps as points of curves: which metrics are drawn, and how a point is read from an event or its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from remote.vocabulary.events import LARGEST_WHOLE, Event, EventError, decode, number
from tui_app.state.fields import Fields

STEP = "step.completed"
CHARTED = ("reward/mean", "loss", "mismatch_kl", "entropy", "tokens_per_second")
"""The metrics that have a curve."""
LARGEST = 1e300
"""A metric beyond it, either way, is no number to reckon with: two of them would overflow. As
`tui_app.render.buckets` has it."""
LONGEST = float(LARGEST_WHOLE)
"""The same of a step's seconds, of which many are told as one age."""


class Point(msgspec.Struct, frozen=True):
    """One finished step of one attempt."""

    step: int
    attempt: int
    metrics: Mapping[str, float]


def point_of(event: Event) -> Point | None:
    """The step that an event reports, None if it reports none."""
    if event.type != STEP:
        return None
    step, metrics = Fields(event.data).whole("step"), event.data.get("metrics")
    if not step or not isinstance(metrics, Mapping):
        return None
    return Point(step, event.attempt, _numbers(metrics.get(name) for name in CHARTED))


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
    """As `point_of`, from the line of a step, reading no more of it than the curves need; None also
    for a line that is no event."""
    try:
        said = _STEP_DECODER.decode(line)
    except msgspec.MsgspecError:
        return _slowly(line)
    if not 1 <= said.data.step <= LARGEST_WHOLE:
        return None
    return Point(said.data.step, said.attempt, _numbers(msgspec.structs.astuple(said.data.metrics)))


def usable(value: float | None, largest: float = LARGEST) -> float | None:
    """The value, where one can reckon with it: None for NaN, for infinities and beyond ``largest``."""
    return value if value is not None and -largest <= value <= largest else None


def _slowly(line: bytes) -> Point | None:
    try:
        return point_of(decode(line))
    except EventError:
        return None


def _numbers(values: Iterable[object]) -> dict[str, float]:
    """Those of the charted metrics that are numbers, given in their order."""
    found = {}
    for name, value in zip(CHARTED, values, strict=True):
        read = value if type(value) is float else number(value)
        if read is not None:
            found[name] = read
    return found
