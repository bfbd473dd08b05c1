"""A run as plain lines, for a pipe, a log file or a terminal that can do no more.

    code = follow(locations, "r7", sys.stdout)       # returns when the run has ended

One line a step; ``!!`` for drills, retries, backoff, preemptions and failed commits; ``ok`` for
commits; after ten silent seconds a ``--`` line that says what is waited for; at the end the counts.
Never an escape, whatever a remote process wrote. Reads the journal only.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import AttemptPhase, Freshness, RunState, freshness
from tui_app.exit_codes import ExitCode
from tui_app.journal.reader import JournalMissingError, JournalReader, RunSummary, WatcherStatus
from tui_app.locations import Locations
from tui_app.render.formats import NOT_REPORTED, age, countdown, plural
from tui_app.sentences import Line, fixed, sentence
from tui_app.state.fold import fold
from tui_app.state.levels import reported
from tui_app.state.view import RunView
from tui_app.text_safety import plain, shown

HEARTBEAT_SECONDS = 10.0
POLL_SECONDS = 0.2
WATCHER_LATE_SECONDS = 10.0
_UNSPOKEN = frozenset(
    {
        "phase.changed",
        "checkpoint.saved",
        "checkpoint.deleted",
        "drill.executed",
        "retry.scheduled",
        "intent.sent",
    }
)


class FollowError(RuntimeError):
    """Following makes no sense any more; the message says why and what to do."""


def follow(
    locations: Locations,
    run: str,
    out: TextIO,
    *,
    command: str = "middlewatch",
    tend: Callable[[], str | None] = lambda: None,
    wall: Callable[[], float] = time.time,
    mono: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ExitCode:
    """Print every event of ``run`` from its first until it has ended.

    ``tend`` is called at every heartbeat: it puts right what a viewer may (such as starting a
    watcher) and says so, or raises FollowError. ``command`` is how the reader can call us. Returns
    OK, or RUN_FAILED. BrokenPipeError is the caller's.
    """
    view, row, spoken_at = RunView(run=run), 0, mono()
    with contextlib.ExitStack() as stack:
        reader: JournalReader | None = None
        while True:
            reader = reader or _opened(locations, stack)
            rows = reader.events(run, after_row=row) if reader is not None else []
            for entry in rows:
                row = entry.row_id
                view = fold(view, entry.event)
                line = plain_sentence(entry.event, view)
                if line is not None:
                    say(out, line)
                    spoken_at = mono()
            if rows:
                continue
            if view.state.is_terminal:
                break
            if mono() - spoken_at >= HEARTBEAT_SECONDS:
                spoken_at = mono()
                _beat(out, reader, view, wall(), tend())
            sleep(POLL_SECONDS)
    for text in summary(view, command):
        say(out, Line("", text))
    return ExitCode.RUN_FAILED if view.state is RunState.FAILED else ExitCode.OK


def _opened(locations: Locations, stack: contextlib.ExitStack) -> JournalReader | None:
    try:
        return stack.enter_context(contextlib.closing(JournalReader(locations.journal)))
    except JournalMissingError:
        return None


def plain_sentence(event: Event, view: RunView) -> Line | None:
    """The event's sentence, None for what another line says already."""
    repeated = event.type == "exception.raised" and event.data.get("retryable") is True
    repeated |= event.type == "alert.raised" and event.data.get("rule") == "failed"
    return None if repeated or event.type in _UNSPOKEN else sentence(event, view)


def say(out: TextIO, line: Line) -> None:
    """One line, written at once."""
    text = f"{line.mark} {line.text}" if line.mark else line.text
    out.write(plain(text) + "\n")
    out.flush()


def _beat(out: TextIO, reader: JournalReader | None, view: RunView, now: float, note: str | None) -> None:
    status = reader.status() if reader is not None else None
    summary = reader.view(view.run) if reader is not None else None
    for text in filter(None, (waiting(view, now), *_link(status, summary, now), note)):
        say(out, Line("--", text))


def waiting(view: RunView, now: float) -> str:
    """What the run is at, for how long, and what it waits for."""
    since = "" if view.state_since is None else f", {age(now - view.state_since)}"
    return f"still {view.state}{since}: {_reason(view, now)}"


def _reason(view: RunView, now: float) -> str:
    attempt = view.attempt
    if view.backoff is not None:
        left = countdown(view.backoff.due - now)
        return f"retry {view.backoff.retry} of {view.backoff.of} in {left}"
    if view.drain is not None:
        return f"{shown(view.drain.cause, 40)}, {countdown(view.drain.deadline - now)} left"
    if not view.level.has_records:
        where = f"in container {shown(attempt.task_id, 40)}" if attempt else "waiting for a container"
        return f"{where}, step {_said(reported(view).step)}"
    if view.state is RunState.QUEUED:
        return "waiting for the watcher to spawn it"
    if view.phase in (None, AttemptPhase.BOOTING):
        return "container booting (cold, or queued for GPUs)"
    if view.state is RunState.RECOVERING:
        return "waiting for the platform to start it again"
    if view.state is RunState.STARTING and attempt is not None and attempt.start is not None:
        return f"{view.phase} after a {attempt.start.words}"
    last = "no step yet" if view.step_at is None else f"last step {age(now - view.step_at)} ago"
    return f"{view.phase} at step {view.step}, {last}"


def _link(status: WatcherStatus | None, summary: RunSummary | None, now: float) -> Iterator[str]:
    """What is wrong between us and the run, if anything."""
    if status is None:
        yield "no watcher has recorded anything yet"
        return
    if now - status.beat_at > WATCHER_LATE_SECONDS:
        yield f"the watcher has been silent for {age(now - status.beat_at)}"
    if not status.reachable:
        yield f"UNREACHABLE for {age(now - status.reachable_since)}: {shown(status.detail, 200)}"
    elif summary is not None and summary.sign_at is not None:
        heard = freshness(now - summary.sign_at)
        if heard is not Freshness.LIVE:
            yield f"{heard}: the run's last sign of life was {age(now - summary.sign_at)} ago"


def summary(view: RunView, command: str = "middlewatch") -> list[str]:
    """How the run stands, its counts, and how to look at it again."""
    name, lines = shown(view.run), []
    reward = view.metrics.get("reward/mean")
    reached = f"step {_said(reported(view).step)}" + (f"/{view.of}" if view.of is not None else "")
    took = (view.state_since or 0.0) - (view.spawned_at or 0.0) if view.spawned_at else None
    lines.append(
        f"{name} {view.state}"
        + (f" ({view.reason.replace('_', ' ')})" if view.reason is not None else "")
        + f": {reached}"
        + (f", reward {fixed(reward, 3)}" if reward is not None else "")
        + (f", {age(took)}" if took is not None else "")
    )
    if view.committed is not None:
        commit = view.committed
        lines.append(f"committed: step {commit.step}, {shown(commit.name)}, position {commit.position}")
    lines.append(counts(view))
    lines.append(f"look at it again: {command} show {name}")
    return lines


def counts(view: RunView) -> str:
    """``1 retry · 1 preemption · steps redone 11 · commits 26 · committed lost 0``."""
    counts = reported(view)
    parts = (
        _counted(counts.retries_used, "retry"),
        _counted(counts.preemptions, "preemption"),
        f"steps redone {_said(counts.steps_redone)}",
        f"commits {_said(counts.commits)}",
        f"committed lost {_said(counts.committed_lost)}",
    )
    return " · ".join(parts)


def _counted(count: int | None, word: str) -> str:
    return f"{word} count {NOT_REPORTED}" if count is None else plural(count, word)


def _said(count: int | None) -> str:
    return NOT_REPORTED if count is None else str(count)
