"""What the alert rules remember of a run: the run's own normal, against which it is judged.

A new call of the run (a resume) begins anew, because it may go back to a step where other values were
normal. A metric whose alert stands is not taken into its own baseline. Pure; it judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Container

import msgspec

from remote.vocabulary.events import Event
from tui_app.state.fields import Fields
from tui_app.state.view import RunView

BASELINE_STEPS = 32
REWARD_STEPS = 8
ENTROPY_STEPS = 8
BASELINES = {"mismatch_kl": "kl_blow_up", "grad_norm": "grad_norm_spike"}
"""Metric and the rule that is judged by it."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The normal of a run. Steps and phases by arrival (unix seconds, the watcher's clock)."""

    tails: dict[str, tuple[float, ...]] = {}
    """The newest finite values of each metric of BASELINES, oldest first."""
    entropy: tuple[float, ...] = ()
    """The first ENTROPY_STEPS entropies of this call."""
    reward_first: float | None = None
    reward_best: float | None = None
    """Means of REWARD_STEPS steps: the first of this call, and the best."""
    moved_at: float | None = None
    """When the newest step, phase or claim arrived."""
    commit_error: str = ""
    disk_free: int | None = None


def remember(memory: Memory, view: RunView, event: Event, now: float, frozen: Container[str]) -> Memory:
    """The memory after an event; ``frozen`` names the rules whose alert stands."""
    change = msgspec.structs.replace
    fields = Fields(event.data)
    if event.type == "step.completed":
        return _stepped(memory, view, now, frozen)
    if event.type in ("phase.changed", "attempt.claimed", "checkpoint.loaded"):
        return change(memory, moved_at=now)
    if event.type == "run.spawned":
        return Memory(moved_at=now, disk_free=memory.disk_free)
    if event.type == "volume.commit_failed":
        return change(memory, commit_error=fields.text("error"))
    if event.type == "volume.committed":
        return change(memory, commit_error="") if memory.commit_error else memory
    if event.type == "host.sampled":
        return change(memory, disk_free=fields.whole("disk_free"))
    return memory


def _stepped(memory: Memory, view: RunView, now: float, frozen: Container[str]) -> Memory:
    metrics, tails = view.metrics, memory.tails.copy()
    for name, rule in BASELINES.items():
        value = metrics.get(name)
        if value is not None and math.isfinite(value) and rule not in frozen:
            tails[name] = (*tails.get(name, ())[1 - BASELINE_STEPS :], value)
    entropy, value = memory.entropy, metrics.get("entropy")
    if value is not None and math.isfinite(value) and len(entropy) < ENTROPY_STEPS:
        entropy = (*entropy, value)
    first, best = memory.reward_first, memory.reward_best
    if len(view.reward_tail) >= REWARD_STEPS:
        mean = reward_now(view)
        first = mean if first is None else first
        best = mean if best is None else max(best, mean)
    return msgspec.structs.replace(
        memory, tails=tails, entropy=entropy, reward_first=first, reward_best=best, moved_at=now
    )


def reward_now(view: RunView) -> float:
    """The mean reward of the newest REWARD_STEPS steps."""
    return sum(view.reward_tail[-REWARD_STEPS:]) / REWARD_STEPS
