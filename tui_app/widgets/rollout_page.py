"""What the policy writes: the samples of one step as text to be read. Pure.

rows = sample_rows(rollouts, Order.BEST, 80)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from tui_app.render.formats import metric
from tui_app.render.spans import Line
from tui_app.widgets.records import Rollouts, Sample
from tui_app.widgets.wrapping import folded

LABEL = 9


class Order(StrEnum):
    """In which order the samples of a step stand."""

    BEST = "best first"
    WORST = "worst first"
    SAMPLED = "as sampled"

    @property
    def following(self) -> Order:
        """The next one, round and round."""
        every = list(Order)
        return every[(every.index(self) + 1) % len(every)]


def ordered(samples: Sequence[Sample], order: Order) -> list[Sample]:
    """The samples by reward; one without a reward, or with NaN, comes last."""
    if order is Order.SAMPLED:
        return list(samples)
    sign = -1.0 if order is Order.BEST else 1.0

    def place(sample: Sample) -> float:
        reward = sample.reward
        return math.inf if reward is None or math.isnan(reward) else sign * reward

    return sorted(samples, key=place)


def sample_rows(rollouts: Rollouts, order: Order, cells: int) -> list[Line]:
    """Reward, advantage, prompt and completion of each sample."""
    rows: list[Line] = []
    for number, sample in enumerate(ordered(rollouts.samples, order), 1):
        rows += [[]] if rows else []
        rows.append(_worth(number, sample))
        rows += _block("prompt", sample.prompt, "quiet", cells)
        rows += _block("wrote", sample.completion, "text", cells)
    return rows or [[("  no sample was kept of this step", "quiet")]]


def _worth(number: int, sample: Sample) -> Line:
    advantage = sample.advantage
    role = "text" if not advantage else ("good" if advantage > 0 else "warn")
    sign = "" if advantage is None or advantage < 0 else "+"
    return [
        (f" {number}  ", "quiet"),
        ("reward ", "quiet"),
        (f"{metric(sample.reward):<7}", "strong"),
        ("  advantage ", "quiet"),
        (f"{sign}{metric(advantage)}", role),
    ]


def _block(label: str, texts: Sequence[str], role: str, cells: int) -> list[Line]:
    lines = [piece for text in texts for piece in folded(text, cells - LABEL - 5)] or [""]
    return [
        [("    ", "text"), (f"{label if not row else '':<{LABEL}}", "quiet"), (line or " ", role)]
        for row, line in enumerate(lines)
    ]
