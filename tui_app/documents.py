"""`list --json` and `show --json`: documents with stable keys, because scripts read them.

    document = run_document(summary, status, now, target="local")
    document["committed"]["name"], document["counters"]["committed_lost"]

Times are ISO 8601 in UTC, durations and ages seconds, sizes bytes; what was never reported is null,
NaN and infinities are words. Pure; the clock is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from remote.vocabulary.events import iso
from remote.vocabulary.run_states import freshness
from tui_app.journal.reader import RunSummary, WatcherStatus
from tui_app.listing import reachable
from tui_app.state.cost import Cost, Prices, at_stake, so_far
from tui_app.state.levels import Level, reported
from tui_app.state.view import RunView


def run_document(
    summary: RunSummary,
    status: WatcherStatus | None,
    now: float,
    *,
    target: str,
    undecodable: int = 0,
    prices: Prices | None = None,
) -> dict[str, Any]:
    """One run as a JSON document with stable keys."""
    view, counts = summary.view, reported(summary.view)
    fields = msgspec.to_builtins(view)
    reached = reachable(status, now)
    heard = summary.sign_at if summary.sign_at is not None else view.last_event_at
    live = not view.state.is_terminal and heard is not None
    fresh = freshness(now - (heard or now), reachable=reached, spoken=summary.sign_at is not None)
    document = {
        "run": view.run,
        "target": target,
        "level": view.level.value,
        "function": view.function or None,
        "state": view.state.value,
        "reason": fields["reason"],
        "detail": view.detail,
        "freshness": fresh.value if live else None,
        "sign_age": _since(heard, now),
        "event_age": _since(view.last_event_at, now),
        "attempt": view.attempt.number if view.attempt is not None else None,
        "phase": fields["phase"],
        "step": counts.step,
        "of": view.of,
        "reward": view.metrics.get("reward/mean"),
        "metrics": view.metrics,
        "committed": _with_times(_commits(fields["commits"])[-1]) if view.commits else None,
        "saved": {"step": view.saved_step, "at": _time(view.saved_at)}
        if view.saved_step is not None
        else None,
        "uncommitted_steps": counts.uncommitted,
        "counters": {
            "attempts": len(view.attempts),
            "retries_used": counts.retries_used,
            "max_retries": view.max_retries,
            "preemptions": counts.preemptions,
            "steps_redone": counts.steps_redone,
            "commits": counts.commits,
            "commit_failures": counts.commit_failures,
            "committed_lost": counts.committed_lost,
            "events": view.events,
            "gaps": len(view.gaps),
            "undecodable": undecodable,
        },
        "gpu": {
            "requested": view.gpu_requested,
            "requested_count": view.gpu_requested_count,
            "count": view.gpu_count,
            "cpu_demo": view.cpu_demo if view.level is Level.OWN else None,
        },
    }
    known = prices or Prices()
    document["cost"] = _cost(so_far(view, now, known)) | {
        "at_stake": {"steps": counts.uncommitted, **_cost(at_stake(view, now, known))}
    }
    kept = ("config", "generation", "call_id", "by", "host", "model", "parameters")
    document |= {name: fields[name] for name in kept}
    document |= {name: _time(fields[name]) for name in ("spawned_at", "state_since", "step_at")}
    fields["attempts"] = _attempts(view, fields["attempts"])
    fields["commits"] = _commits(fields["commits"])
    timed = ("backoff", "drain", "drills", "gaps", "attempts", "commits", "evaluation")
    document |= {name: _with_times(fields[name]) for name in timed}
    finished: dict[str, Any] = _jsonable(document)
    return finished


def _attempts(view: RunView, attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what the trainer of a foreign run never said."""
    if view.level.has_records:
        return attempts
    unsaid = dict.fromkeys(("resumed_from", "steps_redone"))
    return [{**each, **unsaid, "last_step": each["last_step"] or None} for each in attempts]


def _commits(commits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A commit of no bytes or no time does not exist: it is not reported."""
    return [{**each, "bytes": each["bytes"] or None, "seconds": each["seconds"] or None} for each in commits]


def _cost(cost: Cost) -> dict[str, Any]:
    """GPU seconds, and money where a price is configured."""
    return {
        "gpu": cost.gpu or None,
        "gpu_seconds": None if cost.seconds is None else round(cost.seconds, 1),
        "money": None if cost.money is None else round(cost.money, 4),
        "currency": cost.currency or None,
    }


def watcher_document(status: WatcherStatus | None, now: float, *, running: bool) -> dict[str, Any] | None:
    """The watcher as a JSON document, None if none has ever recorded."""
    if status is None:
        return None
    document = {**msgspec.to_builtins(status), "running": running, "beat_age": _since(status.beat_at, now)}
    return dict(_jsonable(_with_times(document)))


_TIMES = frozenset(
    {
        "t",
        "at",
        "due",
        "deadline",
        "spawned_at",
        "state_since",
        "step_at",
        "claimed_at",
        "ended_at",
        "started_at",
        "beat_at",
        "reachable_since",
    }
)


def _with_times(value: Any) -> Any:
    """Unix times, by the names of their fields, as ISO 8601."""
    if isinstance(value, Mapping):
        return {name: _time(item) if name in _TIMES else _with_times(item) for name, item in value.items()}
    return [_with_times(item) for item in value] if isinstance(value, list | tuple) else value


def _time(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return iso(value)
    except (OverflowError, ValueError, OSError):
        return None


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {str(name): _jsonable(item) for name, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value


def _since(t: float | None, now: float) -> float | None:
    return None if t is None else round(max(0.0, now - t), 3)
