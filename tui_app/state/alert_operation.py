"""Judges of operation: does the run move, is its work safe, is what it runs on what was asked for?

Bounds are relative to the run's own normal where there is one. Pure.
"""

from __future__ import annotations

from statistics import median

from remote.vocabulary.run_states import (
    LATE_AFTER_SECONDS,
    SILENT_AFTER_SECONDS,
    AttemptPhase,
    EndCause,
    RunState,
)
from tui_app.state.alert_terms import (
    BETWEEN,
    CALM,
    AlertSeverity,
    Finding,
    Level,
    Look,
    at_step,
    duration_text,
)
from tui_app.state.fields import Fields
from tui_app.state.standing import current_attempt

STEPS_AT_LEAST = 8
STALL_TIMES, STALL_AT_LEAST_SECONDS = 10.0, 15.0
LAG_INTERVALS = 2
CRASHES = 2
DISK_AT_LEAST_BYTES = 1_000_000_000
DISK_CHECKPOINTS, DISK_CALM = 5, 1.5
NEWS_SECONDS = 600.0
"""An end that is older than this when it arrives is history, not an alert."""
_CRASHED = (EndCause.EXCEPTION, EndCause.OOM, EndCause.KILLED_UNKNOWN, EndCause.LOST)


def step_stall(look: Look) -> Finding | None:
    """No step for many of the run's own."""
    view, memory = look.view, look.memory
    usual = median(view.step_seconds) if len(view.step_seconds) >= STEPS_AT_LEAST else None
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
    text = f"no step for {duration_text(bound)} and more after step {view.step}"
    why = f"a step takes {duration_text(usual)} here (median of {len(view.step_seconds)})"
    return Finding(Level.FIRING, text, why)


def commit_lag(look: Look) -> Finding | None:
    """Commits do not keep up with the steps."""
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


def backoff(look: Look) -> Finding | None:
    """Retries are nearly used up."""
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


def crash_loop(look: Look) -> Finding | None:
    """Attempts fail one after the other at the same commit."""
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


def gpu_mismatch(look: Look) -> Finding | None:
    """Other GPUs than were asked for."""
    view = look.view
    if view.cpu_demo or view.gpu_count is None or view.gpu_requested_count is None:
        return None
    if view.gpu_count == view.gpu_requested_count:
        return CALM
    text = f"{view.gpu_count} of {view.gpu_requested_count} GPUs are present"
    return Finding(Level.FIRING, text, f"requested {view.gpu_requested or view.gpu_requested_count}")


def disk_filling(look: Look) -> Finding | None:
    """Room for few checkpoints is left."""
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


def silent(look: Look) -> Finding | None:
    """A live attempt gives no sign of life."""
    attempt = current_attempt(look.view)
    if look.view.state.is_terminal or attempt is None or attempt.cause is not None or look.sign_at is None:
        return CALM
    if not look.view.level.has_records:
        return CALM  # it never promised to give any
    quiet = look.now - look.sign_at
    if quiet > SILENT_AFTER_SECONDS:
        text = f"no sign of life for {SILENT_AFTER_SECONDS:.0f} s and more"
        why = f"attempt {attempt.number} on {attempt.host or 'an unknown host'}, last step {look.view.step}"
        return Finding(Level.FIRING, text, f"{why}; the target itself answers")
    return CALM if quiet < LATE_AFTER_SECONDS else BETWEEN


def failed(look: Look) -> Finding | None:
    """The run has just ended as FAILED."""
    view, event = look.view, look.event
    if view.state is not RunState.FAILED:
        return CALM
    if event is None or look.now - event.t > NEWS_SECONDS:
        return None
    reason = f" ({view.reason.replace('_', ' ')})" if view.reason is not None else ""
    safe = f"step {view.committed_step} is committed" if view.commits else "nothing is committed"
    return Finding(Level.FIRING, f"FAILED{reason} {at_step(view)}", f"{view.detail or 'no detail'}; {safe}")
