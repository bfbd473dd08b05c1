"""The five curves of a run: what they are called, where they come from, what to know about them."""

from __future__ import annotations

import msgspec


class Metric(msgspec.Struct, frozen=True):
    """``key`` is the name in a step's metrics; ``captions`` say what a reader must know, the longest
    first; ``short`` fits a sparkline's label; ``include`` values are always on the axis."""

    name: str
    key: str
    captions: tuple[str, ...]
    short: str
    include: tuple[float, ...] = ()


METRICS = (
    Metric(
        "reward",
        "reward/mean",
        ("mean of the batch; higher is better", "higher is better"),
        "reward",
        (0.0, 1.0),
    ),
    Metric(
        "loss",
        "loss",
        ("policy loss: not expected to fall", "not expected to fall", "need not fall"),
        "loss, need not fall",
    ),
    Metric(
        "KL",
        "mismatch_kl",
        ("between sampler and trainer; near 0 is good", "near 0 is good"),
        "KL, near 0 is good",
        (0.0,),
    ),
    Metric(
        "entropy", "entropy", ("of the policy; falls as it decides", "falls as it decides"), "entropy", (0.0,)
    ),
    Metric("throughput", "tokens_per_second", ("tokens a second",), "tokens a second", (0.0,)),
)
