"""The alert rules: each in plain words, with what it looks at, how bad it is and which key helps.

    for rule in RULES.values(): print(rule.id, rule.words)

A rule judges one look at a run: FIRING beyond its bound, CALM well within it, BETWEEN in neither, and
None where this look tells it nothing. Bounds are relative to the run's own normal where there is one.
Pure; it keeps nothing (`tui_app.state.alert_memory` does) and decides nothing about raising or clearing
(`tui_app.state.alerts` does).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, StrEnum
from statistics import median
from typing import NamedTuple

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import (
    LATE_AFTER_SECONDS,
    SILENT_AFTER_SECONDS,
    AttemptPhase,
    EndCause,
    RunState,
)
from tui_app.state.alert_memory import ENTROPY_STEPS, REWARD_STEPS, Memory, reward_now
from tui_app.state.fields import Fields
from tui_app.state.standing import current_attempt
from tui_app.state.view import RunView

BASELINE_AT_LEAST = 8
BLOW_UP, BLOW_UP_CALM = 10.0, 3.0
KL_AT_LEAST = 0.1
STALL_TIMES, STALL_AT_LEAST_SECONDS = 10.0, 15.0
GAIN_AT_LEAST = 0.1
COLLAPSE, COLLAPSE_CALM = 0.5, 0.3
ENTROPY_LOW, ENTROPY_CALM = 0.05, 0.1
LAG_INTERVALS = 2
CRASHES = 2
DISK_AT_LEAST_BYTES = 1_000_000_000
DISK_CHECKPOINTS, DISK_CALM = 5, 1.5
NEWS_SECONDS = 600.0
"""An end that is older than this when it arrives is history, not an alert."""
_CRASHED = (EndCause.EXCEPTION, EndCause.OOM, EndCause.KILLED_UNKNOWN, EndCause.LOST)


class AlertSeverity(StrEnum):
    """CRITICAL: work or the run is being lost now. WARNING: it may soon be."""

    CRITICAL = "critical"
    WARNING = "warning"


class Level(Enum):
    """What one look says about one rule."""

    CALM = 0
    BETWEEN = 1
    FIRING = 2


class Finding(NamedTuple):
    """A rule's word on one look; text and evidence matter only where it is FIRING."""

    level: Level
    text: str = ""
    evidence: str = ""
    severity: AlertSeverity | None = None
    """Where it differs from the rule's."""


class Look(NamedTuple):
    """What a rule sees. ``event`` is None where only time has passed."""

    view: RunView
    event: Event | None
    now: float
    sign_at: float | None
    memory: Memory


Judge = Callable[[Look], Finding | None]


class Rule(NamedTuple):
    """``calm_looks`` in a row, over ``calm_seconds``, clear its alert; ``firing_looks`` raise it."""

    id: str
    words: str
    severity: AlertSeverity
    key: str
    types: tuple[str, ...]
    """The events at which it is judged; "" is the passing of time."""
    judge: Judge
    firing_looks: int = 1
    calm_looks: int = 1
    calm_seconds: float = 0.0
    raised_by_time: bool = False
    """Whether its events can only clear it."""


CALM, BETWEEN = Finding(Level.CALM), Finding(Level.BETWEEN)
QUIET = (CALM, BETWEEN)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinite" if value > 0 else "-infinite")
    return f"{value:.3g}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def _at(view: RunView) -> str:
    return f"at step {view.step}"


def _not_finite(look: Look) -> Finding | None:
    metrics = look.view.metrics
    bad = [
        f"{name} {_number(metrics[name])}"
        for name in ("loss", "grad_norm", "mismatch_kl", "reward/mean")
        if name in metrics and not math.isfinite(metrics[name])
    ]
    if not bad:
        return CALM
    safe = f"last commit is step {look.view.committed_step}"
    return Finding(Level.FIRING, f"{bad[0]} {_at(look.view)}", f"{', '.join(bad)}; {safe}")


def _gain(memory: Memory) -> float | None:
    if memory.reward_first is None or memory.reward_best is None:
        return None
    return memory.reward_best - memory.reward_first


def _reward_collapse(look: Look) -> Finding | None:
    memory, gain = look.memory, _gain(look.memory)
    if gain is None or memory.reward_best is None or len(look.view.reward_tail) < REWARD_STEPS:
        return None
    mean = reward_now(look.view)
    if gain < GAIN_AT_LEAST:
        return CALM
    lost = (memory.reward_best - mean) / gain
    if lost > COLLAPSE:
        text = f"reward fell from {_number(memory.reward_best)} to {_number(mean)} {_at(look.view)}"
        began = _number(memory.reward_best - gain)
        why = f"means of {REWARD_STEPS} steps; {lost:.0%} of what was gained over {began}"
        return Finding(Level.FIRING, text, why)
    return CALM if lost < COLLAPSE_CALM else BETWEEN


def _against_own_median(metric: str, name: str, at_least: Callable[[RunView], float]) -> Judge:
    def judge(look: Look) -> Finding | None:
        value, tail = look.view.metrics.get(metric), look.memory.tails.get(metric, ())
        if value is None or not math.isfinite(value) or len(tail) < BASELINE_AT_LEAST:
            return None
        floor = at_least(look.view)
        if value < floor / 2:
            return CALM
        usual = median(tail)
        if value > max(BLOW_UP * usual, floor):
            times = f", {value / usual:.0f} times its median" if usual > 0 else ""
            text = f"{name} {_number(value)} {_at(look.view)}"
            why = f"median of {len(tail)} steps is {_number(usual)}{times}"
            return Finding(Level.FIRING, text, why)
        return CALM if value < max(BLOW_UP_CALM * usual, floor / 2) else BETWEEN

    return judge


def _grad_floor(view: RunView) -> float:
    clip = view.config.get("grad_clip")
    return 2.0 * clip if isinstance(clip, int | float) and not isinstance(clip, bool) else 2.0


def _entropy_collapse(look: Look) -> Finding | None:
    start, value = look.memory.entropy, look.view.metrics.get("entropy")
    gain = _gain(look.memory)
    if value is None or not math.isfinite(value) or len(start) < ENTROPY_STEPS or gain is None:
        return None
    usual = median(start)
    if usual <= 0 or gain >= 2 * GAIN_AT_LEAST:
        return CALM
    if value < ENTROPY_LOW * usual and gain < GAIN_AT_LEAST:
        text = f"entropy {_number(value)} {_at(look.view)}, and the reward has gained nothing"
        why = f"it began at {_number(usual)}; best reward {_number(look.memory.reward_best or 0.0)}"
        return Finding(Level.FIRING, text, why)
    return CALM if value > ENTROPY_CALM * usual else BETWEEN


def _step_stall(look: Look) -> Finding | None:
    view, memory = look.view, look.memory
    usual = median(view.step_seconds) if len(view.step_seconds) >= BASELINE_AT_LEAST else None
    if usual is None or memory.moved_at is None:
        return None
    bound = max(STALL_TIMES * usual, STALL_AT_LEAST_SECONDS)
    if look.event is not None:
        return CALM if view.step_seconds[-1] < bound / 2 else BETWEEN
    if view.state is not RunState.RUNNING or view.phase is not AttemptPhase.STEPPING:
        return None
    waited = look.now - memory.moved_at
    if waited <= bound:
        return None
    text = f"no step for {_duration(bound)} and more after step {view.step}"
    why = f"a step takes {_duration(usual)} here (median of {len(view.step_seconds)})"
    return Finding(Level.FIRING, text, why)


def _commit_lag(look: Look) -> Finding | None:
    view, interval = look.view, look.view.config.get("checkpoint_interval")
    if not isinstance(interval, int) or isinstance(interval, bool) or interval < 1:
        return None
    behind = view.uncommitted_steps
    if behind > LAG_INTERVALS * interval:
        why = f"last commit: step {view.committed_step}" if view.commits else "nothing has been committed"
        error = f"; {look.memory.commit_error}" if look.memory.commit_error else ""
        text = f"more than {LAG_INTERVALS * interval} steps are not committed"
        return Finding(Level.FIRING, text, f"{why}; a commit was due every {interval} steps{error}")
    return CALM if behind <= interval else BETWEEN


def _backoff(look: Look) -> Finding | None:
    view = look.view
    if view.max_retries is None or view.state.is_terminal:
        return None
    left = view.max_retries - view.retries_used
    if view.retries_used < 1 or left > 1:
        return CALM
    last = next((a for a in reversed(view.attempts) if a.cause is not None), None)
    why = f"{view.retries_used} of {view.max_retries} retries are used"
    why += f"; attempt {last.number}: {last.evidence or last.cause}" if last is not None else ""
    if left:
        return Finding(Level.FIRING, "one retry is left", why)
    return Finding(Level.FIRING, "no retry is left: the next failure ends it", why, AlertSeverity.CRITICAL)


def _crash_loop(look: Look) -> Finding | None:
    view, count = look.view, 0
    ended = [a for a in view.attempts if a.cause is not None and a.generation >= view.generation]
    for attempt in reversed(ended):
        if attempt.cause not in _CRASHED or attempt.resumed_from != ended[-1].resumed_from:
            break
        count += 1
    if count < CRASHES or view.committed_step > ended[-1].resumed_from:
        return CALM
    severity = AlertSeverity.CRITICAL if count > CRASHES else None
    text = f"{count} attempts in a row ended with no new commit"
    why = f"all went on from step {ended[-1].resumed_from}; the last: {ended[-1].evidence or ended[-1].cause}"
    return Finding(Level.FIRING, text, why, severity)


def _gpu_mismatch(look: Look) -> Finding | None:
    view = look.view
    if view.cpu_demo or view.gpu_count is None or view.gpu_requested_count is None:
        return None
    if view.gpu_count == view.gpu_requested_count:
        return CALM
    text = f"{view.gpu_count} of {view.gpu_requested_count} GPUs are present"
    return Finding(Level.FIRING, text, f"requested {view.gpu_requested or view.gpu_requested_count}")


def _disk_filling(look: Look) -> Finding | None:
    free = Fields(look.event.data).whole("disk_free") if look.event is not None else None
    if free is None:
        return None
    checkpoint = look.view.committed.bytes if look.view.committed is not None else 0
    bound = max(DISK_AT_LEAST_BYTES, DISK_CHECKPOINTS * checkpoint)
    if free < bound:
        needs = f"; a checkpoint takes {checkpoint / 1e9:.2g} GB" if checkpoint else ""
        return Finding(
            Level.FIRING, f"the run's disk has {free / 1e9:.2g} GB left", f"bound {bound / 1e9:.2g} GB{needs}"
        )
    return CALM if free > DISK_CALM * bound else BETWEEN


def _silent(look: Look) -> Finding | None:
    attempt = current_attempt(look.view)
    if look.view.state.is_terminal or attempt is None or attempt.cause is not None or look.sign_at is None:
        return CALM
    quiet = look.now - look.sign_at
    if quiet > SILENT_AFTER_SECONDS:
        text = f"no sign of life for {SILENT_AFTER_SECONDS:.0f} s and more"
        why = f"attempt {attempt.number} on {attempt.host or 'an unknown host'}, last step {look.view.step}"
        return Finding(Level.FIRING, text, f"{why}; the target itself answers")
    return CALM if quiet < LATE_AFTER_SECONDS else BETWEEN


def _failed(look: Look) -> Finding | None:
    view, event = look.view, look.event
    if view.state is not RunState.FAILED:
        return CALM
    if event is None or look.now - event.t > NEWS_SECONDS:
        return None
    reason = f" ({view.reason.replace('_', ' ')})" if view.reason is not None else ""
    safe = f"step {view.committed_step} is committed" if view.commits else "nothing is committed"
    return Finding(Level.FIRING, f"FAILED{reason} {_at(view)}", f"{view.detail or 'no detail'}; {safe}")


_STEP = "step.completed"
_C, _W = AlertSeverity.CRITICAL, AlertSeverity.WARNING
RULES = {
    rule.id: rule
    for rule in (
        Rule(
            "failed",
            "The run has ended as FAILED.",
            *(_C, "r", ("run.ended", "run.spawned", "attempt.claimed"), _failed),
        ),
        Rule(
            "not_finite",
            "Loss, gradient norm, KL or reward is NaN or infinite.",
            *(_C, "x", (_STEP,), _not_finite),
            calm_looks=5,
        ),
        Rule(
            "silent",
            f"A live attempt gives no sign of life for {SILENT_AFTER_SECONDS:.0f} s, and our link is up.",
            *(_C, "enter", ("",), _silent),
            calm_looks=3,
            calm_seconds=30.0,
        ),
        Rule(
            "crash_loop",
            f"{CRASHES} attempts in a row fail without a new commit.",
            *(_W, "x", ("attempt.ended", "volume.committed", "run.spawned"), _crash_loop),
        ),
        Rule(
            "backoff_near_exhaustion",
            "At most one retry is left.",
            *(_W, "enter", ("attempt.claimed", "attempt.ended", "retry.scheduled", "run.spawned"), _backoff),
        ),
        Rule(
            "step_stall",
            f"No step for {STALL_TIMES:.0f} of the run's median steps, and {STALL_AT_LEAST_SECONDS:.0f} s.",
            *(_W, "enter", ("", _STEP), _step_stall),
            calm_looks=3,
            raised_by_time=True,
        ),
        Rule(
            "commit_lag",
            f"More than {LAG_INTERVALS} checkpoint intervals of steps are not committed.",
            *(_W, "c", (_STEP, "volume.committed"), _commit_lag),
        ),
        Rule(
            "reward_collapse",
            f"The reward, over {REWARD_STEPS} steps, has lost more than half of what it had gained.",
            *(_W, "x", (_STEP,), _reward_collapse),
            firing_looks=3,
            calm_looks=5,
        ),
        Rule(
            "kl_blow_up",
            f"KL is {BLOW_UP:.0f} times its median and above {KL_AT_LEAST:g}.",
            *(_W, "enter", (_STEP,), _against_own_median("mismatch_kl", "KL", lambda view: KL_AT_LEAST)),
            firing_looks=2,
            calm_looks=10,
        ),
        Rule(
            "entropy_collapse",
            f"Entropy is below {ENTROPY_LOW:.0%} of its start, and the reward has gained nothing.",
            *(_W, "x", (_STEP,), _entropy_collapse),
            firing_looks=3,
            calm_looks=5,
        ),
        Rule(
            "grad_norm_spike",
            f"The gradient norm is {BLOW_UP:.0f} times its median and twice the clip.",
            *(_W, "enter", (_STEP,), _against_own_median("grad_norm", "gradient norm", _grad_floor)),
            calm_looks=20,
        ),
        Rule(
            "gpu_mismatch",
            "Fewer or more GPUs are present than were requested (not for the CPU demo).",
            *(_W, "enter", ("gpu.found",), _gpu_mismatch),
        ),
        Rule(
            "disk_filling",
            f"The run's disk has less than {DISK_CHECKPOINTS} checkpoints, or 1 GB, left.",
            *(_W, "enter", ("host.sampled",), _disk_filling),
            calm_looks=3,
        ),
    )
}
"""Every rule by its id, the worst first."""

_BY_TYPE: dict[str, tuple[Rule, ...]] = {
    type_: tuple(rule for rule in RULES.values() if type_ in rule.types)
    for type_ in {type_ for rule in RULES.values() for type_ in rule.types}
}


def rules_for(event: Event | None) -> tuple[Rule, ...]:
    """The rules that an event, or the passing of time, can say something about."""
    return _BY_TYPE.get(event.type if event is not None else "", ())
