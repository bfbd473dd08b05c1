"""The greedy evaluation: which examples it is of, and what its figures are.

In training it runs every so many steps on the first held-out examples, so that its figures can be
compared from step to step; a call of its own scores any slice of them. Knows no tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

from remote.training.task import HELD_OUT_FROM, Score


def held_out(count: int, first: int = 0) -> range:
    """Indices of ``count`` examples that no run trains on, from held-out example ``first`` on."""
    return range(HELD_OUT_FROM + first, HELD_OUT_FROM + first + count)


def summary(scores: Sequence[Score], seconds: float) -> dict[str, float]:
    """``reward/mean`` and ``exact_match`` over the ``prompts``, and the ``seconds`` it took."""
    count = len(scores)
    return {
        "reward/mean": sum(score.reward for score in scores) / count,
        "exact_match": sum(score.exact for score in scores) / count,
        "prompts": count,
        "seconds": round(seconds, 6),
    }
