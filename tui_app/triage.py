"""A run in at most fifteen Markdown lines, to paste where colleagues read.

    lines = triage(view, alerts, heard="SILENT 2 min", now=now, command="middlewatch", last=[...])

What state it is in, in words; what went wrong, with the evidence; what is safe and what a kill now
would cost; what to run next and why. What a remote process wrote stands in code spans, so that it can
neither format nor mention. Pure; the clock is an argument.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

from remote.vocabulary.run_states import RunState
from tui_app.render.formats import age, countdown, metric, plural
from tui_app.state.alert_book import Alert
from tui_app.state.levels import reported
from tui_app.state.view import RunView
from tui_app.text_safety import shown

MAX_LINES = 15
MAX_ALERTS = 4
MAX_EVENTS = 4
_NEXT = {
    "failed": ("resume {run}", ""),
    "not_finite": ("stop {run}", "then resume it from a step before the values broke"),
    "silent": ("logs {run} --container", "what its container last printed"),
    "crash_loop": ("logs {run} --container", "the traceback; it fails in the same place"),
    "backoff_near_exhaustion": ("show {run}", "why its attempts ended"),
    "step_stall": ("logs {run} --container", "what it is at"),
    "commit_lag": ("checkpoint {run}", "to see whether a commit goes through"),
    "reward_collapse": ("stop {run}", "then resume it from a step before the reward fell"),
    "entropy_collapse": ("stop {run}", "it explores no more and has learned nothing"),
}


def triage(
    view: RunView,
    alerts: Sequence[Alert],
    *,
    heard: str,
    now: float,
    command: str,
    last: Sequence[str] = (),
) -> list[str]:
    """The lines. ``heard`` says how old our knowledge is, ``last`` are the newest events, oldest first."""
    lines = [
        f"**{shown(view.run, 48)} {view.state}**{_reason(view)} · {heard} · {_clock(now)}",
        f"- where: {_place(view, now)}",
        *_wrong(alerts, now),
        f"- safe: {_safe(view, now)}",
        f"- at stake: {_stake(view)}",
        *_end(view),
        f"- next: {_next(view, alerts, command, now)}",
    ]
    room = min(MAX_EVENTS, MAX_LINES - len(lines))
    return [*lines, *(f"- {code(event)}" for event in (last[-room:] if room > 0 else ()))]


def code(text: object) -> str:
    """Somebody else's words in a code span."""
    return f"`{shown(text, 160).replace('`', chr(39))}`"


def _reason(view: RunView) -> str:
    return f" ({view.reason.replace('_', ' ')})" if view.reason is not None else ""


def _clock(now: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))


def _place(view: RunView, now: float) -> str:
    goal = f" of {view.of}" if view.of is not None else ""
    step = reported(view).step
    parts = [f"step {'not reported' if step is None else step}{goal}"]
    if view.step_at is not None and not view.state.is_terminal:
        parts.append(f"last step {age(now - view.step_at)} ago")
    if "reward/mean" in view.metrics:
        parts.append(f"reward {metric(view.metrics['reward/mean'])}")
    if view.attempt is not None:
        parts.append(f"attempt {view.attempt.number}")
    if view.max_retries is not None:
        parts.append(f"retries {view.retries_used} of {view.max_retries}")
    counts = reported(view)
    if counts.preemptions is not None:
        parts.append(plural(counts.preemptions, "preemption"))
    if counts.steps_redone is not None:
        parts.append(f"steps redone {counts.steps_redone}")
    return ", ".join(parts)


def _wrong(alerts: Sequence[Alert], now: float) -> list[str]:
    if not alerts:
        return ["- wrong: no alert stands"]
    lines = []
    for alert in alerts[:MAX_ALERTS]:
        seen = f", acknowledged by {shown(alert.acknowledged_by, 60)}" if alert.acknowledged_by else ""
        since = f"for {age(now - alert.since)}"
        lines.append(
            f"- **{alert.severity}** {alert.rule}, {since}{seen}: {code(alert.text)} — {code(alert.evidence)}"
        )
    more = len(alerts) - MAX_ALERTS
    return [*lines, f"- and {plural(more, 'alert')} more"] if more > 0 else lines


def _safe(view: RunView, now: float) -> str:
    commit = view.committed
    if commit is None:
        return "nothing is committed yet" if reported(view).commits is not None else "not reported"
    name = code(commit.name)
    return f"step {commit.step} is committed ({name}, position {commit.position}, {age(now - commit.t)} ago)"


def _stake(view: RunView) -> str:
    lost = reported(view).uncommitted
    if lost is None:
        return "not reported: its commits are not known"
    if view.state.is_terminal:
        return f"nothing now; {plural(lost, 'step')} after the last commit are lost" if lost else "nothing"
    if not lost:
        return "nothing: the newest step is committed"
    took = f", about {age(lost * median(view.step_seconds))} of work" if view.step_seconds else ""
    gpus = f" on {view.gpu_count} GPUs" if view.gpu_count else ""
    return f"a kill now costs {plural(lost, 'step')}{took}{gpus}"


def _end(view: RunView) -> list[str]:
    ended = next((a for a in reversed(view.attempts) if a.cause is not None), None)
    if ended is None:
        return []
    cause = str(ended.cause).replace("_", " ")
    words = f": {code(ended.evidence)}" if ended.evidence else ""
    return [f"- last end: attempt {ended.number}, {cause}{' (inferred)' if ended.inferred else ''}{words}"]


def _next(view: RunView, alerts: Sequence[Alert], command: str, now: float) -> str:
    for alert in alerts:
        if alert.rule in _NEXT:
            verb, why = _NEXT[alert.rule]
            why = why or _origin(view)
            return f"`{command} {verb.format(run=view.run)}` — {why}"
    if view.backoff is not None:
        return (
            f"nothing: retry {view.backoff.retry} of {view.backoff.of} in {countdown(view.backoff.due - now)}"
        )
    if view.state in (RunState.FAILED, RunState.STOPPED):
        return f"`{command} resume {view.run}` — {_origin(view)}"
    if view.state is RunState.SUCCEEDED:
        return "nothing: it is done"
    return f"`{command} open {view.run}` — to watch it"


def _origin(view: RunView) -> str:
    if view.commits:
        return f"it goes on from step {view.committed_step}"
    return "it starts from the beginning: nothing is committed"
