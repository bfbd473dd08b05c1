"""What stands beside the charts: attempts, volume, retries, GPUs, the run itself. Pure text.

stack(panels(sight, 38), 20)    # the most important lines of each that fit into 20 rows
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from remote.vocabulary.run_config import DEPLOYED_RETRIES
from remote.vocabulary.run_states import AttemptPhase, EndCause, StartKind
from tui_app.render.formats import NOT_REPORTED, age, compact, countdown, plural, size, span
from tui_app.render.glyphs import sparkline
from tui_app.render.spans import Line, crop, rule, width
from tui_app.state.levels import Level, reported
from tui_app.state.mirror import to_sync, where
from tui_app.state.view import AttemptView, PhaseSpan
from tui_app.text_safety import plain
from tui_app.widgets.gpu_panel import gpu
from tui_app.widgets.outlook import delay_text
from tui_app.widgets.panel import LABEL_CELLS, Panel, fact
from tui_app.widgets.sight import Sight
from tui_app.widgets.words import told

ROOMY_CELLS = 38
GOOD_ENDS = (EndCause.COMPLETED, EndCause.PREEMPTED_DRAINED, EndCause.STOPPED)


def panels(sight: Sight, cells: int, *, ascii_art: bool = False) -> list[Panel]:
    """Every panel, ``cells`` wide, most important first."""
    return [
        attempts(sight, cells),
        volume(sight, cells, ascii_art=ascii_art),
        retries(sight, cells),
        gpu(sight, cells, ascii_art=ascii_art),
        about(sight, cells),
    ]


def attempts(sight: Sight, cells: int) -> Panel:
    """The lifecycle: the newest attempt's phases, and how each older one ended."""
    view, newest = sight.view, sight.view.attempt
    if newest is None:
        return Panel(rule([("attempts", "strong")], [("none yet", "quiet")], cells), [], [])
    in_phase = sight.ago(view.phase_since)
    right = "" if view.phase is None else f"{view.phase} {in_phase}".rstrip()
    if newest.ended_at is not None:
        right = f"ENDED {sight.ago(newest.ended_at)} ago"
    heading = rule([(f"attempt {newest.number}", "strong")], [(right, "info")], cells)
    told = view.level.has_records
    must = [
        _start(newest, cells, view.level, view.attempts[:-1]),
        *([timeline(newest, sight.now, cells)] if told else []),
    ]
    if newest.cause is not None:
        must.append(_end(newest))
    older = [_past(attempt, cells) for attempt in reversed(view.attempts[:-1])]
    if newest.evidence:
        older.insert(0, [("  " + plain(newest.evidence, 200), "quiet")])
    return Panel(heading, [crop(line, cells) for line in must], [crop(line, cells) for line in older])


def saved_by(attempt: AttemptView, earlier: Sequence[AttemptView]) -> float | None:
    """Seconds by which a warm start was faster than the last cold one of the run; None where it was cold
    itself, or there is nothing to compare it with."""
    if attempt.start in (None, StartKind.COLD) or attempt.boot_seconds is None:
        return None
    cold = [a.boot_seconds for a in earlier if a.start is StartKind.COLD and a.boot_seconds is not None]
    return max(0.0, cold[-1] - attempt.boot_seconds) if cold else None


def _start(attempt: AttemptView, cells: int, level: Level, earlier: Sequence[AttemptView] = ()) -> Line:
    if not level.has_records:
        where = plain(attempt.task_id, 40) or "not reported"
        return [("container ", "quiet"), (where, "text")]
    kind = attempt.start.words if attempt.start else "start not reported"
    boot = f" {span(attempt.boot_seconds)}" if attempt.boot_seconds is not None else ""
    spared = saved_by(attempt, earlier)
    if spared is not None and cells >= ROOMY_CELLS:
        boot += f", {span(spared)} saved"
    origin = f"from step {attempt.resumed_from}" if attempt.resumed_from else "from scratch"
    if attempt.steps_redone:
        origin += f" · redone {attempt.steps_redone}"
    if len(kind + boot + origin) + 3 > cells:
        origin = f"from {attempt.resumed_from}"
    return [(f"{kind}{boot}", "text"), (f" · {origin}", "quiet")]


def timeline(attempt: AttemptView, now: float, cells: int) -> Line:
    """``BOOT 4.2 › LOADING 0.4 › STEPPING``: seconds that each phase took, the newest ones that fit."""
    spans = _collapsed(attempt.phases)
    if not spans:
        return [("CLAIMED", "info")]
    ends = [entry.t for entry in spans[1:]] + [attempt.ended_at or now]
    parts = [
        _phase_text(entry, end, newest=index == len(spans) - 1 and attempt.ended_at is None)
        for index, (entry, end) in enumerate(zip(spans, ends, strict=True))
    ]
    cut = 0
    while cut < len(parts) - 1 and len(" › ".join(parts[cut:])) + (2 if cut else 0) > cells:
        cut += 1
    line: Line = [("… ", "quiet")] if cut else []
    line += [(" › ".join(parts[cut:-1]) + (" › " if parts[cut:-1] else ""), "quiet")]
    return [*line, (parts[-1], "info" if attempt.ended_at is None else "quiet")]


def _collapsed(phases: tuple[PhaseSpan, ...]) -> list[PhaseSpan]:
    """The phases that are worth a word: stepping with its checkpoints and commits in between is one
    stretch (but the newest phase is always shown), and a claim that took no time is left out."""
    kept: list[PhaseSpan] = []
    inside = (AttemptPhase.STEPPING, AttemptPhase.CHECKPOINTING, AttemptPhase.COMMITTING)
    for index, entry in enumerate(phases):
        again = kept and kept[-1].phase is AttemptPhase.STEPPING and entry.phase in inside
        newest = index == len(phases) - 1
        instant = entry.phase is AttemptPhase.CLAIMED and not newest and phases[index + 1].t - entry.t < 0.1
        if not instant and (not again or (newest and entry.phase is not AttemptPhase.STEPPING)):
            kept.append(entry)
    return kept


def _phase_text(entry: PhaseSpan, end: float, *, newest: bool) -> str:
    name = "BOOT" if entry.phase is AttemptPhase.BOOTING else str(entry.phase)
    return name if newest else f"{name} {span(max(0.0, end - entry.t)).removesuffix(' s')}"


def _end(attempt: AttemptView) -> Line:
    cause = attempt.cause
    if cause is None:
        return []
    role = "good" if cause in GOOD_ENDS else "warn"
    guessed = " (inferred)" if attempt.inferred else ""
    return [
        ("ended: ", "quiet"),
        (cause.replace("_", " "), role),
        (f"{_at_step(attempt)}{guessed}", "text"),
    ]


def _past(attempt: AttemptView, cells: int) -> Line:
    lasted = "" if attempt.ended_at is None else f" · {age(attempt.ended_at - attempt.claimed_at)}"
    cause = "no last word" if attempt.cause is None else attempt.cause.replace("_", " ")
    role = "quiet" if attempt.cause in GOOD_ENDS else "warn"
    line: Line = [(f"{attempt.number} ", "quiet"), (cause, role), (_at_step(attempt), "quiet")]
    return [*line, (lasted, "quiet")] if width([*line, (lasted, "quiet")]) <= cells else line


def _at_step(attempt: AttemptView) -> str:
    """Where it stood; nothing of one that never told."""
    told = attempt.last_step or attempt.phases
    return f" at step {attempt.last_step}" if told else ""


def volume(sight: Sight, cells: int, *, ascii_art: bool = False) -> Panel:
    """Saved, committed, uncommitted; what a commit costs; what went wrong with commits."""
    view, newest, counts = sight.view, sight.view.committed, reported(sight.view)
    step, t = (None, None) if newest is None else (newest.step, newest.t)
    none = "no commit yet" if counts.commits is not None else NOT_REPORTED
    word: Line = [("OK", "good")] if newest is not None else [(none, "quiet")]
    if view.commit_retry_at is not None:
        again = countdown(view.commit_retry_at - sight.now)
        word = [(f"FAILED, again in {again}" if cells >= 36 else f"FAILED, in {again}", "bad")]
    must = [
        fact("committed", _step_age(sight, step, t, cells)),
        fact("uncommitted", _steps(counts.uncommitted)),
    ]
    saved = fact("saved", _step_age(sight, view.saved_step, view.saved_at, cells))
    failed = f" · {plural(view.commit_failures, 'failure')}" if view.commit_failures else " · no failure"
    failed = "" if counts.commit_failures is None else failed
    extra = [saved, fact("commits", f"{told(counts.commits)}{failed}")]
    if newest is not None:
        cost = fact("took", f"{_or_unsaid(newest.seconds, span)} · {_or_unsaid(newest.bytes, size)} ")
        took = [c.seconds for c in view.commits][-min(12, max(0, cells - 30)) :]
        trend = sparkline(took, 0.0, max(took), ascii_art=ascii_art) if len(took) > 2 and cells > 33 else ""
        extra.insert(0, [*cost, (trend, "spark")])
    return Panel(rule([("volume", "strong")], word, cells), must, extra)


def _step_age(sight: Sight, step: int | None, t: float | None, cells: int) -> str:
    if step is None:
        return "nothing yet" if reported(sight.view).commits is not None else NOT_REPORTED
    words = f"step {step}" + ("" if t is None else f" · {sight.ago(t)} ago")
    return words if LABEL_CELLS + len(words) <= cells else words.removesuffix(" ago")


def _or_unsaid(value: float, words: Callable[[Any], str]) -> str:
    """A commit of no bytes or no time does not exist."""
    return words(value) if value else NOT_REPORTED


def _steps(count: int | None) -> str:
    return NOT_REPORTED if count is None else plural(count, "step")


def retries(sight: Sight, cells: int) -> Panel:
    """k of N, the backoff that runs or the next one, and preemptions, which cost none."""
    view = sight.view
    counts = reported(view)
    limit = "?" if view.max_retries is None else str(view.max_retries)
    used = NOT_REPORTED if counts.retries_used is None else f"{counts.retries_used} of {limit} used"
    right: Line = [(used, "text")]
    preempted = fact("preemptions", f"{told(counts.preemptions)} · use no retry")
    extra = [preempted]
    if view.state.is_terminal or counts.retries_used is None:
        state, extra = preempted, []
    elif view.backoff is not None:
        left = countdown(view.backoff.due - sight.now)
        state = [*fact("backoff", ""), (f"over in {left}", "warn")]
    elif view.max_retries is not None and view.retries_used >= view.max_retries:
        state = fact("next failure", "ends the run")
    else:
        following = view.retries_used + 1
        state = fact("next delay", delay_text(view, following, DEPLOYED_RETRIES.delay(following)))
    if counts.steps_redone or counts.committed_lost:
        extra.append(
            fact("redone", f"{plural(view.steps_redone, 'step')} · committed lost {view.committed_lost}")
        )
    return Panel(rule([("retries", "strong")], right, cells), [state], extra)


def about(sight: Sight, cells: int) -> Panel:
    """The run itself: task, model, who spawned it and when."""
    view = sight.view
    task = plain(str(view.config.get("task", "")), 30) or plain(view.function, 30) or "task not reported"
    facts = [fact("model", plain(view.model, 40))] if view.model else []
    if view.parameters is not None:
        facts[-1:] = [fact("model", f"{plain(view.model, 20)} · {compact(view.parameters)} parameters")]
    if view.by:
        ago = sight.ago(view.spawned_at)
        when = f" · {ago} ago" if ago else ""
        facts.append(fact("spawned by", f"{plain(view.by, 20)}@{plain(view.host, 20)}{when}"))
    if view.attempt is not None and view.attempt.task_id:
        facts.append(fact("container", plain(view.attempt.task_id, 40)))
    if where(view):
        mode = where(view).partition(":")[0]
        how = " · show: how to sync" if to_sync(view, sight.link.target) else ""
        facts.append(fact("W&B", mode + how))
    seed = view.config.get("seed")
    setting = f"seed {seed}" if isinstance(seed, int) else ""
    return Panel(
        rule([(task, "strong")], [(setting, "quiet")] if setting else [], cells),
        facts[:1],
        facts[1:],
        first=False,
    )
