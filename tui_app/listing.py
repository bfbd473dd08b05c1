"""`list` and `show` as aligned text and as JSON, from the journal's views.

    print(*run_table(summaries, status, now), sep="\\n")
    document = run_document(summary, status, now, target="local")

The documents' keys are stable: scripts read them. Times are ISO 8601 in UTC, durations seconds, sizes
bytes; what was never reported is null, NaN and infinities are words. Pure; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence

from remote.vocabulary.run_states import freshness
from tui_app.evaluation_sentences import standing
from tui_app.journal.reader import RunSummary, WatcherStatus
from tui_app.render.formats import NOT_REPORTED, age, compact, metric, plural, size, span
from tui_app.state.cost import Prices, at_stake, so_far
from tui_app.state.levels import Level, reported
from tui_app.state.mirror import to_sync, where
from tui_app.state.view import AttemptView, RunView
from tui_app.text_safety import shown
from tui_app.widgets.sight import WATCHER_GONE_AFTER_SECONDS

_HEADINGS = (
    "RUN",
    "STATE",
    "SEEN",
    "ATTEMPT",
    "STEP",
    "REWARD",
    "LOSS",
    "TOK/S",
    "GPU",
    "COMMITTED",
    "UNCOMMITTED",
    "RETRIES",
    "PREEMPTED",
)


def run_table(summaries: Sequence[RunSummary], status: WatcherStatus | None, now: float) -> list[str]:
    """One line a run, newest first."""
    ordered = sorted(summaries, key=lambda each: each.view.spawned_at or 0.0, reverse=True)
    return columns([_HEADINGS, *(_row(summary, status, now) for summary in ordered)])


def _row(summary: RunSummary, status: WatcherStatus | None, now: float) -> tuple[str, ...]:
    view, counts = summary.view, reported(summary.view)
    commit = view.committed
    nothing = "-" if counts.commits is not None else NOT_REPORTED
    return (
        shown(view.run, 48),
        str(view.state),
        seen(summary, status, now),
        str(view.attempt.number) if view.attempt is not None else "-",
        _count(counts.step) + (f"/{view.of}" if view.of is not None else ""),
        _metric(view, "reward/mean"),
        _metric(view, "loss"),
        compact(view.tokens_per_second) if view.tokens_per_second is not None else "-",
        f"{_or_dash(view.gpu_count)}/{_or_dash(view.gpu_requested_count)}",
        f"{commit.step} ({age(now - commit.t)} ago)" if commit is not None else nothing,
        _count(counts.uncommitted),
        _retries(view, "/"),
        _count(counts.preemptions),
    )


def seen(summary: RunSummary, status: WatcherStatus | None, now: float) -> str:
    """How old our knowledge of a live run is; when an ended one ended."""
    view = summary.view
    if view.state.is_terminal:
        return f"ended {age(now - view.state_since)} ago" if view.state_since is not None else "ended"
    heard = summary.sign_at if summary.sign_at is not None else view.last_event_at
    if heard is None:
        return "-"
    spoken = summary.sign_at is not None
    return f"{freshness(now - heard, reachable=reachable(status, now), spoken=spoken)} {age(now - heard)}"


def watcher_line(status: WatcherStatus | None, now: float, *, running: bool, command: str) -> str:
    """Whether what is shown is being kept up to date."""
    if status is None:
        return f"no watcher has recorded anything yet; it starts with: {command} open"
    target = "LOCAL" if status.target == "local" else f"MODAL {shown(status.workspace, 40)}".strip()
    if not running:
        last = age(now - status.beat_at)
        return f"no watcher is recording (the last one {last} ago); start it: {command} open"
    if not status.reachable:
        since = age(now - status.reachable_since)
        return f"watcher: {target} UNREACHABLE for {since}: {shown(status.detail, 200)}"
    return f"watcher: {target}, reachable, last beat {age(now - status.beat_at)} ago"


def run_lines(
    summary: RunSummary, status: WatcherStatus | None, now: float, prices: Prices | None = None
) -> list[str]:
    """Everything about one run, aligned."""
    facts, view = run_facts(summary, status, now, prices), summary.view
    width = max(len(name) for name, _ in facts)
    lines = [f"{name:<{width}}  {text}" for name, text in facts]
    return [*lines, *_attempt_table(view), *_commit_table(view, now), *_again(view)]


def _again(view: RunView) -> list[str]:
    if not view.config or view.level is not Level.OWN:
        return []
    from tui_app.run_fields import spawned_again

    return ["", f"another of its kind: {spawned_again(view.config)}"]


def run_facts(
    summary: RunSummary, status: WatcherStatus | None, now: float, prices: Prices | None = None
) -> list[tuple[str, str]]:
    """What is known of one run, each fact with its name."""
    view, counts = summary.view, reported(summary.view)
    sync = to_sync(view, status.target if status is not None else "")
    pairs = [
        ("run", shown(view.run)),
        *([] if view.level is Level.OWN else [("level", _level(view))]),
        ("state", _state(view, now)),
        ("seen", seen(summary, status, now)),
        ("spawned", _spawned(view, now)),
        ("step", _step(view, now)),
        ("metrics", _metrics(view)),
        ("gpu", _gpus(view)),
        *([("W&B", shown(where(view), 160))] if where(view) else []),
        *([("W&B sync", shown(sync, 240))] if sync else []),
        ("committed", _committed(view, now)),
        ("uncommitted", _at_stake(view, now, prices or Prices())),
        ("saved", _saved(view, now)),
        ("retries", _retries(view, " of ")),
        ("preemptions", _count(counts.preemptions)),
        ("cost", so_far(view, now, prices or Prices()).words),
        ("steps redone", _count(counts.steps_redone)),
        ("commits", _commits(view)),
        ("committed lost", _count(counts.committed_lost)),
        ("events", f"{view.events}, {_gaps(view)}"),
    ]
    if view.backoff is not None:
        due = max(0.0, view.backoff.due - now)
        pairs.insert(2, ("backoff", f"retry {view.backoff.retry} of {view.backoff.of} in {age(due)}"))
    if view.evaluation is not None:
        pairs.append(("evaluation", standing(view.evaluation, now)))
    if view.drills:
        pairs.append(("drills ahead", ", ".join(f"{shown(d.kind, 40)} at {d.step}" for d in view.drills)))
    return pairs


def _state(view: RunView, now: float) -> str:
    reason = f" ({view.reason.replace('_', ' ')})" if view.reason is not None else ""
    since = f" for {age(now - view.state_since)}" if view.state_since is not None else ""
    phase = f", {view.phase}" if view.phase is not None and not view.state.is_terminal else ""
    detail = f": {shown(view.detail)}" if view.detail else ""
    return f"{view.state}{reason}{phase}{since}{detail}"


def _spawned(view: RunView, now: float) -> str:
    when = f"{age(now - view.spawned_at)} ago" if view.spawned_at is not None else "not reported"
    who = f" by {shown(view.by, 40)}@{shown(view.host, 60)}" if view.by else ""
    return f"{when}{who}, call {shown(view.call_id, 60) or 'none yet'}, generation {view.generation}"


def _step(view: RunView, now: float) -> str:
    goal = f" of {view.of}" if view.of is not None else ""
    when = f", {age(now - view.step_at)} ago" if view.step_at is not None else ""
    return f"{_count(reported(view).step)}{goal}{when}"


def _metrics(view: RunView) -> str:
    return ", ".join(f"{name} {metric(value)}" for name, value in view.metrics.items()) or "none reported"


def _gpus(view: RunView) -> str:
    if view.gpu_count is None and view.level is not Level.OWN:
        return NOT_REPORTED
    if view.gpu_count is None:
        return f"{_or_dash(view.gpu_requested_count)} requested, presence not reported"
    demo = " (CPU demo)" if view.cpu_demo else ""
    return f"{_or_dash(view.gpu_requested_count)} requested, {view.gpu_count} present{demo}"


def _committed(view: RunView, now: float) -> str:
    commit = view.committed
    if commit is None:
        return "nothing yet" if reported(view).commits is not None else NOT_REPORTED
    when = f"{age(now - commit.t)} ago"
    return f"step {commit.step}, {shown(commit.name, 120)}, position {commit.position}, {when}"


def _at_stake(view: RunView, now: float, prices: Prices) -> str:
    """The steps since the last commit, and the GPU time and money that a kill now would cost."""
    if reported(view).uncommitted is None:
        return NOT_REPORTED
    stake = at_stake(view, now, prices)
    steps = plural(view.uncommitted_steps, "step")
    return f"{steps}; a kill now costs {stake.words}" if stake.is_something else steps


def _saved(view: RunView, now: float) -> str:
    if view.saved_step is None or view.saved_at is None:
        return "nothing yet" if view.level is Level.OWN else NOT_REPORTED
    return f"step {view.saved_step}, {age(now - view.saved_at)} ago"


def _gaps(view: RunView) -> str:
    if not view.gaps:
        return "no gap"
    missing = sum(gap.last - gap.first + 1 for gap in view.gaps)
    where = "; ".join(f"attempt {g.attempt} {shown(g.source, 40)} {g.first}-{g.last}" for g in view.gaps[:3])
    return f"{missing} missing: {where}"


def _attempt_table(view: RunView) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("ATTEMPT", "START", "BOOT", "FROM", "TO", "REDONE", "TASK", "END", "EVIDENCE")
    ]
    rows += [_attempt_row(attempt, view.level) for attempt in view.attempts]
    return ["", *columns(rows)] if len(rows) > 1 else []


def _attempt_row(attempt: AttemptView, level: Level) -> tuple[str, ...]:
    told = level.has_records
    return (
        str(attempt.number),
        attempt.start.words if attempt.start is not None else "-",
        span(attempt.boot_seconds) if attempt.boot_seconds is not None else "-",
        str(attempt.resumed_from) if told else NOT_REPORTED,
        str(attempt.last_step) if told or attempt.last_step else NOT_REPORTED,
        str(attempt.steps_redone) if told else NOT_REPORTED,
        shown(attempt.task_id, 40) or "-",
        str(attempt.cause or "live") + (" (inferred)" if attempt.inferred else ""),
        shown(attempt.evidence, 100),
    )


def _commit_table(view: RunView, now: float) -> list[str]:
    rows = [("POSITION", "STEP", "CHECKPOINT", "SIZE", "TOOK", "TRIES", "AGE")]
    rows += [
        (
            str(commit.position),
            str(commit.step),
            shown(commit.name, 80),
            size(commit.bytes) if commit.bytes else NOT_REPORTED,
            span(commit.seconds) if commit.seconds else NOT_REPORTED,
            str(commit.tries),
            age(now - commit.t),
        )
        for commit in reversed(view.commits[-5:])
    ]
    return ["", *columns(rows)] if len(rows) > 1 else []


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def reachable(status: WatcherStatus | None, now: float) -> bool:
    """Whether news reaches us: the watcher lives and its link is up. Where there never was a watcher there
    is nothing to blame a silence on."""
    watched = status is not None and now - status.beat_at < WATCHER_GONE_AFTER_SECONDS
    return status is None or (watched and status.reachable)


def _metric(view: RunView, name: str) -> str:
    return metric(view.metrics[name]) if name in view.metrics else "-"


def _level(view: RunView) -> str:
    function = f", {shown(view.function, 80)}" if view.function else ""
    return f"{view.level.words} ({view.level}){function}"


def _count(value: int | None) -> str:
    return NOT_REPORTED if value is None else str(value)


def _retries(view: RunView, between: str) -> str:
    used = reported(view).retries_used
    return NOT_REPORTED if used is None else f"{used}{between}{_or_dash(view.max_retries)}"


def _commits(view: RunView) -> str:
    counts = reported(view)
    failed = counts.commit_failures
    tries = "" if failed is None else f", {failed} failed tries"
    return _count(counts.commits) + tries


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
