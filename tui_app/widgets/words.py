"""The first lines of a run, in words: state, freshness, GPUs, commit, attempt.

    header(sight)    # groups of spans: RUNNING · step 41/1200 · last step 0.3 s ago, LIVE, ...

A state is always a word; colour only repeats it. What comes from a remote process passes `plain`.
"""

from __future__ import annotations

from remote.vocabulary.run_states import AttemptPhase, Freshness, RunState
from tui_app.render.formats import NOT_REPORTED, countdown, span
from tui_app.render.spans import Line, cut
from tui_app.state.levels import Level, reported
from tui_app.state.view import AttemptView, RunView
from tui_app.text_safety import plain
from tui_app.widgets.sight import Sight

STATE_ROLES = {
    RunState.QUEUED: "info",
    RunState.STARTING: "info",
    RunState.RUNNING: "good",
    RunState.PREEMPTING: "warn",
    RunState.RECOVERING: "warn",
    RunState.BACKOFF: "warn",
    RunState.STOPPING: "warn",
    RunState.STOPPED: "quiet",
    RunState.SUCCEEDED: "good",
    RunState.FAILED: "bad",
}
FRESHNESS_ROLES = {
    Freshness.LIVE: "good",
    Freshness.LATE: "warn",
    Freshness.SILENT: "bad",
    Freshness.UNREACHABLE: "bad",
}
MOST_NAME = 48


def header(sight: Sight) -> list[Line]:
    """The groups of the first lines, most important first; none of them may be split."""
    return [headline(sight), *facts(sight)]


def facts(sight: Sight) -> list[Line]:
    """The groups after the headline."""
    view = sight.view
    return [*known(sight), gpus(view), commit(sight), counters(view), at_risk(view)]


def known(sight: Sight) -> list[Line]:
    """How fresh our knowledge is, or since when there is nothing more to know."""
    return [fresh(sight)] if sight.freshness else _ended_ago(sight)


def badge(sight: Sight) -> Line:
    """The target, in a colour of its own."""
    link = sight.link
    name = f" {link.target.upper()} "
    workspace = plain(link.workspace, 24) if link.target != "local" else ""
    return [(name, f"target-{link.target}"), (f" {workspace} " if workspace else "", "quiet")]


def headline(sight: Sight, name_cells: int = MOST_NAME) -> Line:
    """``LOCAL  sort-digits  RUNNING · step 41/1200 · last step 0.3 s ago``."""
    level = sight.view.level
    mark: Line = [] if level is Level.OWN else [(f"{level}  ", "accent-strong")]
    return [
        *badge(sight),
        (f"  {cut(plain(sight.view.run, MOST_NAME), name_cells)}  ", "strong"),
        *mark,
        *in_state(sight),
    ]


def in_state(sight: Sight) -> Line:
    """``RUNNING · step 41/1200 · last step 0.3 s ago``."""
    view = sight.view
    line: Line = [(str(view.state), STATE_ROLES[view.state] + "-strong")]
    if view.reason is not None:
        line.append((f" ({view.reason.replace('_', ' ')})", "bad"))
    line.append((standing(sight), "text"))
    return line


def standing(sight: Sight) -> str:
    """What follows the state: elapsed boot, or the step and its age, or when the run ended."""
    view = sight.view
    steps = f" · step {steps_of(view)}"
    if view.state in (RunState.QUEUED, RunState.STARTING):
        return f" · {booting(sight)}"
    if view.state.is_terminal:
        return steps
    if view.state is RunState.RUNNING:
        if view.step_at is None:
            return steps + (" · no step yet" if view.level.has_records else "")
        return steps + f" · last step {sight.ago(view.step_at)} ago"
    return steps + (f" · for {sight.ago(view.state_since)}" if view.state_since is not None else "")


def booting(sight: Sight) -> str:
    """The boot phase with its elapsed time: ``boot 4.2 s``, ``LOADING 1.2 s after a cold start of 4.2 s``."""
    view = sight.view
    elapsed = sight.since(view.phase_since if view.phase_since is not None else view.spawned_at)
    time = span(elapsed) if elapsed is not None else ""
    attempt = view.attempt
    if view.phase in (None, AttemptPhase.BOOTING) or attempt is None:
        return (f"boot {time}" if view.phase else f"queued {time}").rstrip()
    return f"{view.phase} {time} after {started(attempt)}".rstrip()


def started(attempt: AttemptView) -> str:
    """``a cold start of 4.2 s``, ``a warm spare's 0.02 s``."""
    if attempt.start is None:
        return "its boot"
    boot = "" if attempt.boot_seconds is None else span(attempt.boot_seconds)
    name = attempt.start.words
    return f"a {name} of {boot}" if boot else f"a {name}"


def steps_of(view: RunView) -> str:
    """``41/1200``, or ``41`` while the goal is not known."""
    goal = f"/{view.of}" if view.of is not None else ""
    return told(reported(view).step) + goal


def told(value: int | None) -> str:
    """A number, or that nobody has said it."""
    return NOT_REPORTED if value is None else str(value)


def fresh(sight: Sight) -> Line:
    """``LIVE``, ``LATE 12 s``: how long ago anything of this run arrived, or that our own link is down. LIVE
    says by itself that it was less than five seconds; a clock beside it would run for nothing."""
    kind = sight.freshness
    if kind is None:
        return []
    heard = "" if kind is Freshness.LIVE else f" {sight.ago(sight.heard_at)}".rstrip()
    return [(str(kind), FRESHNESS_ROLES[kind]), (heard, "text")]


def _ended_ago(sight: Sight) -> list[Line]:
    since = sight.ago(sight.view.state_since)
    return [[(f"ended {since} ago", "text")]] if since else []


def gpus(view: RunView) -> Line:
    """``GPU 8 requested, 0 present (CPU demo)``: a fact in a neutral colour, not an alarm."""
    asked = "not reported" if view.gpu_requested_count is None else f"{view.gpu_requested_count} requested"
    if view.gpu_count is None and view.level is not Level.OWN:
        return [(f"GPU {NOT_REPORTED}", "text")]
    if view.gpu_count is None:
        return [(f"GPU {asked}, presence not reported yet", "text")]
    missing = not view.cpu_demo and view.gpu_count < (view.gpu_requested_count or 0)
    demo = " (CPU demo)" if view.cpu_demo else (" (fewer than requested)" if missing else "")
    return [(f"GPU {asked}, {view.gpu_count} present{demo}", "warn" if missing else "text")]


def brief_gpus(view: RunView) -> Line:
    """``GPU 0/8 (CPU demo)``."""
    present = "?" if view.gpu_count is None else str(view.gpu_count)
    asked = "?" if view.gpu_requested_count is None else str(view.gpu_requested_count)
    _, role = gpus(view)[0]
    if view.level is not Level.OWN and view.gpu_count is None:
        return gpus(view)
    return [(f"GPU {present}/{asked}{' (CPU demo)' if view.cpu_demo else ''}", role)]


def commit(sight: Sight, *, brief: bool = False) -> Line:
    """``commit step 40 (3 s ago) OK``, or what is wrong with it."""
    view, newest = sight.view, sight.view.committed
    ago = "" if newest is None else f" ({sight.ago(newest.t)} ago)"
    word = "commit" if brief else "commit step"
    none = "no commit yet" if reported(view).commits is not None else f"commit {NOT_REPORTED}"
    line: Line = [(none, "text") if newest is None else (f"{word} {newest.step}{ago}", "text")]
    if view.commit_retry_at is not None:
        return [
            *line,
            (" FAILED", "bad"),
            (f", again in {countdown(view.commit_retry_at - sight.now)}", "text"),
        ]
    return [*line, (" OK", "good")] if newest is not None else line


def counters(view: RunView) -> Line:
    """``attempt 2 · retries 1/3 · preemptions 0``."""
    number = view.attempt.number if view.attempt is not None else 0
    counts = reported(view)
    return [
        (f"attempt {number}" if number else "no attempt yet", "text"),
        (f" · retries {retries_of(view)}", "text"),
        (f" · preemptions {told(counts.preemptions)}", "text"),
    ]


def retries_of(view: RunView) -> str:
    """``1/3``, or that nobody has said it."""
    limit = "?" if view.max_retries is None else str(view.max_retries)
    used = reported(view).retries_used
    return NOT_REPORTED if used is None else f"{used}/{limit}"


def at_risk(view: RunView) -> Line:
    """What a kill now would cost, and what earlier ones did."""
    counts = reported(view)
    line: Line = [
        (f"uncommitted {told(counts.uncommitted)}", "text"),
        (f" · redone {told(counts.steps_redone)}", "text"),
    ]
    if counts.committed_lost:
        line.append((f" · committed lost {view.committed_lost}", "bad-strong"))
    return line
