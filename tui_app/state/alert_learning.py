"""Judges of learning: does the policy still get better, and are its numbers numbers?

Bounds are relative to the run's own normal. Pure; what was usual is in `Memory`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

from tui_app.state.alert_memory import ENTROPY_STEPS, REWARD_STEPS, Memory, reward_now
from tui_app.state.alert_terms import BETWEEN, CALM, Finding, Judge, Level, Look, at_step, number_text
from tui_app.state.view import RunView

BASELINE_AT_LEAST = 8
BLOW_UP, BLOW_UP_CALM = 10.0, 3.0
KL_AT_LEAST = 0.1
GAIN_AT_LEAST = 0.1
COLLAPSE, COLLAPSE_CALM = 0.5, 0.3
ENTROPY_LOW, ENTROPY_CALM = 0.05, 0.1


def not_finite(look: Look) -> Finding | None:
    """Loss, gradient norm, KL or reward is no number."""
    metrics = look.view.metrics
    bad = [
        f"{name} {number_text(metrics[name])}"
        for name in ("loss", "grad_norm", "mismatch_kl", "reward/mean")
        if name in metrics and not math.isfinite(metrics[name])
    ]
    if not bad:
        return CALM
    safe = f"last commit is step {look.view.committed_step}"
    return Finding(Level.FIRING, f"{bad[0]} {at_step(look.view)}", f"{', '.join(bad)}; {safe}")


def gained(memory: Memory) -> float | None:
    """What the reward had gained at its best; None before there is a mean to speak of."""
    if memory.reward_first is None or memory.reward_best is None:
        return None
    return memory.reward_best - memory.reward_first


def reward_collapse(look: Look) -> Finding | None:
    """The reward lost much of what it had gained."""
    memory, gain = look.memory, gained(look.memory)
    if gain is None or memory.reward_best is None or len(look.view.reward_tail) < REWARD_STEPS:
        return None
    mean = reward_now(look.view)
    if gain < GAIN_AT_LEAST:
        return CALM
    lost = (memory.reward_best - mean) / gain
    if lost > COLLAPSE:
        text = (
            f"reward fell from {number_text(memory.reward_best)} to {number_text(mean)} {at_step(look.view)}"
        )
        began = number_text(memory.reward_best - gain)
        why = f"means of {REWARD_STEPS} steps; {lost:.0%} of what was gained over {began}"
        return Finding(Level.FIRING, text, why)
    return CALM if lost < COLLAPSE_CALM else BETWEEN


def against_own_median(metric: str, name: str, at_least: Callable[[RunView], float]) -> Judge:
    """A metric that must not leap above what is usual in this run; nothing below ``at_least`` is a leap."""

    def judge(look: Look) -> Finding | None:
        value, tail = look.view.metrics.get(metric), look.memory.tails.get(metric, ())
        if value is None or not math.isfinite(value) or len(tail) < BASELINE_AT_LEAST:
            return None
        floor = at_least(look.view)
        if value < max(BLOW_UP_CALM * min(tail), floor / 2):
            return CALM  # the median is not less than the least
        usual = median(tail)
        if value > max(BLOW_UP * usual, floor):
            times = f", {value / usual:.0f} times its median" if usual > 0 else ""
            text = f"{name} {number_text(value)} {at_step(look.view)}"
            why = f"median of {len(tail)} steps is {number_text(usual)}{times}"
            return Finding(Level.FIRING, text, why)
        return CALM if value < max(BLOW_UP_CALM * usual, floor / 2) else BETWEEN

    return judge


def grad_floor(view: RunView) -> float:
    """Twice the clip: below it a large norm does no harm."""
    clip = view.config.get("grad_clip")
    return 2.0 * clip if isinstance(clip, int | float) and not isinstance(clip, bool) else 2.0


def entropy_collapse(look: Look) -> Finding | None:
    """The policy has become sure of itself and is no better."""
    start, value = look.memory.entropy, look.view.metrics.get("entropy")
    gain = gained(look.memory)
    if value is None or not math.isfinite(value) or len(start) < ENTROPY_STEPS or gain is None:
        return None
    if gain >= 2 * GAIN_AT_LEAST:
        return CALM
    usual = median(start)
    if usual <= 0:
        return CALM
    if value < ENTROPY_LOW * usual and gain < GAIN_AT_LEAST:
        text = f"entropy {number_text(value)} {at_step(look.view)}, and the reward has gained nothing"
        why = f"it began at {number_text(usual)}; best reward {number_text(look.memory.reward_best or 0.0)}"
        return Finding(Level.FIRING, text, why)
    return CALM if value > ENTROPY_CALM * usual else BETWEEN
