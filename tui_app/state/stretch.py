"""A stretch of ordinary steps folded at once: what a run says a million times, and nothing else in between.

    after = fold_stretch(view, events)                        # None: not an ordinary stretch, use `fold`
    book = calm_stretch(book, view, after, events, now)       # None: an alert may stir, look one by one

Both say exactly what `fold` and `alerts.update` say event by event (tests/unit/state/test_stretch.py
compares them over any story), and give up wherever anything else than the steps might change. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import msgspec

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import RunState
from tui_app.state import alert_learning as learning
from tui_app.state.alert_book import AlertBook
from tui_app.state.alert_memory import BASELINE_STEPS, BASELINES, ENTROPY_STEPS, REWARD_STEPS, Memory
from tui_app.state.alert_operation import commit_lag
from tui_app.state.alert_terms import Level, Look
from tui_app.state.fields import MAX_METRICS, Fields
from tui_app.state.fold import STEP_SECONDS_TAIL
from tui_app.state.points import LARGEST, LONGEST, STEP, usable
from tui_app.state.view import REWARD_TAIL, RunView

replace = msgspec.structs.replace


def fold_stretch(view: RunView, events: Sequence[Event]) -> RunView | None:
    """The view after these events, if they are the next steps of an attempt that is doing well."""
    if not events or not _goes_on(view) or not _is_stretch(view, events):
        return None
    attempt, last = view.attempts[-1], events[-1]
    steps = [Fields(event.data).whole("step") or 0 for event in events]
    if steps[0] <= attempt.last_step or any(after <= before for before, after in pairwise(steps)):
        return None
    if any(drill.step < steps[-1] for drill in view.drills):
        return None
    metrics = Fields(last.data).metrics()
    of = next(
        (of for event in reversed(events) if (of := Fields(event.data).whole("of")) is not None), view.of
    )
    return replace(
        view,
        seen={**view.seen, f"{last.attempt}/{last.source}": last.seq},
        events=view.events + len(events),
        last_event_at=max(view.last_event_at or last.t, *(event.t for event in events)),
        attempts=(*view.attempts[:-1], replace(attempt, last_step=steps[-1])),
        of=of,
        step=steps[-1],
        step_at=last.t,
        metrics=metrics,
        tokens_per_second=usable(metrics.get("tokens_per_second")),
        reward_tail=_longer(view.reward_tail, events, "reward/mean", REWARD_TAIL, LARGEST),
        step_seconds=_longer(view.step_seconds, events, "step_seconds", STEP_SECONDS_TAIL, LONGEST),
    )


def calm_stretch(
    book: AlertBook, before: RunView, after: RunView, events: Sequence[Event], now: float
) -> AlertBook | None:
    """The book after a stretch in which no alert stands, and none is raised or comes nearer to it."""
    values = None if book.alerts or book.tallies else _values(events)
    lag_at_the_end = commit_lag(Look(after, events[-1], now, None, book.memory))  # where it is longest
    if values is None or (lag_at_the_end is not None and lag_at_the_end.level is Level.FIRING):
        return None
    tails = {}
    for name in BASELINES:
        tail = (*book.memory.tails.get(name, ()), *values[name])
        floor = learning.KL_AT_LEAST if name == "mismatch_kl" else learning.grad_floor(after)
        if max(values[name]) > max(learning.BLOW_UP * min(tail), floor):
            return None
        tails[name] = tail[-BASELINE_STEPS:]
    entropy = (*book.memory.entropy, *values["entropy"])[:ENTROPY_STEPS]
    memory = _rewarded(book.memory, before.reward_tail, values["reward/mean"])
    if memory is None or not (_has_learned(book.memory) or _entropy_holds(entropy, values["entropy"])):
        return None
    return replace(book, memory=replace(memory, tails=tails, entropy=entropy, moved_at=now))


def _goes_on(view: RunView) -> bool:
    """Whether the newest attempt steps undisturbed, and no step of an older one is done again."""
    if not view.attempts or view.state is not RunState.RUNNING:
        return False
    attempt = view.attempts[-1]
    return (
        view.backoff is None
        and view.drain is None
        and attempt.cause is None
        and attempt.first_step is not None
        and attempt.generation >= view.generation
        and attempt.last_step == view.step
        and all(older.last_step <= attempt.last_step for older in view.attempts[:-1])
    )


def _is_stretch(view: RunView, events: Sequence[Event]) -> bool:
    """Whether these are steps, said one after the other by the newest attempt."""
    attempt, first = view.attempts[-1], events[0]
    seq = view.seen.get(f"{first.attempt}/{first.source}", 0) + 1
    if first.attempt != attempt.number:
        return False
    for number, event in enumerate(events, seq):
        if (
            event.seq != number
            or event.type != STEP
            or event.attempt != first.attempt
            or event.source != first.source
            or event.run != view.run
            or not attempt.claimed_at <= event.t < math.inf
        ):
            return False
    return True


_JUDGED = ("loss", "grad_norm", "mismatch_kl", "reward/mean", "entropy")


def _values(events: Sequence[Event]) -> dict[str, list[float]] | None:
    """The metrics that are judged, None unless every step has each as a number to reckon with."""
    metrics: list[Any] = [event.data.get("metrics") for event in events]
    if not all(type(each) is dict and len(each) <= MAX_METRICS for each in metrics):
        return None
    found = {}
    for name in _JUDGED:
        values = [each.get(name) for each in metrics]
        if set(map(type, values)) != {float} or not all(map(math.isfinite, values)):
            return None
        if max(map(abs, values)) > LARGEST:
            return None
        found[name] = values
    return found


def _rewarded(memory: Memory, tail: tuple[float, ...], rewards: list[float]) -> Memory | None:
    """The memory with these rewards, None where they fell by what is a collapse."""
    every = [*tail[1 - REWARD_STEPS :], *rewards]
    first, best = memory.reward_first, memory.reward_best
    for end in range(len(every) - len(rewards) + 1, len(every) + 1):
        if end < REWARD_STEPS:
            continue
        mean = sum(every[end - REWARD_STEPS : end]) / REWARD_STEPS
        if first is None or best is None:
            first, best = mean if first is None else first, mean if best is None else best
        elif (gain := best - first) >= learning.GAIN_AT_LEAST and (best - mean) / gain > learning.COLLAPSE:
            return None
        best = max(best, mean)
    return replace(memory, reward_first=first, reward_best=best)


def _has_learned(memory: Memory) -> bool:
    """Whether so much was gained that low entropy is no alert any more: what was gained is not forgotten."""
    gain = learning.gained(memory)
    return gain is not None and gain >= 2 * learning.GAIN_AT_LEAST


def _entropy_holds(start: tuple[float, ...], values: list[float]) -> bool:
    """Whether no value is so low that its rule could speak."""
    usual = median(start)
    return len(start) < ENTROPY_STEPS or usual <= 0 or min(values) >= learning.ENTROPY_LOW * usual


def _longer(
    tail: tuple[float, ...], events: Sequence[Event], name: str, length: int, largest: float
) -> tuple[float, ...]:
    """The tail with this metric's newest values after it, none beyond ``largest``."""
    found: list[float] = []
    for event in reversed(events):
        value = usable(_metric(event, name), largest)
        if value is not None:
            found.append(value)
            if len(found) == length:
                break
    return (*tail, *reversed(found))[-length:]


def _metric(event: Event, name: str) -> float | None:
    """As ``Fields(event.data).metrics().get(name)``, without reading the others where it can."""
    given = event.data.get("metrics")
    if type(given) is dict and len(given) <= MAX_METRICS and type(given.get(name)) is float:
        return float(given[name])
    return Fields(event.data).metrics().get(name)
