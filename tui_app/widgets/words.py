"""The first lines of a run, in words: state, freshness, GPUs, commit, attempt; and what comes next.

    header(sight)    # groups of spans: RUNNING · step 41/1200 · last step 0.3 s ago, LIVE, ...
    news(sight)      # NEXT, STARTING, BACKOFF with its countdown, DRAINING, or how a run ended

A state is always a word; colour only repeats it. What comes from a remote process passes `plain`.
"""

from __future__ import annotations

from remote.vocabulary.run_config import DEPLOYED_RETRIES
from remote.vocabulary.run_states import AttemptPhase, Freshness, RunState, StartKind
from tui_app.render.formats import NOT_REPORTED, age, backoff_formula, compact, countdown, plural, span
from tui_app.render.spans import Line, cut
from tui_app.state.levels import Level, reported
from tui_app.state.view import AttemptView, NextDrill, RunView
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
START_WORDS = {
    StartKind.COLD: "cold boot",
    StartKind.WARM_SPARE: "warm spare",
    StartKind.TEMPLATE: "template",
    StartKind.SNAPSHOT: "snapshot",
}
MOST_NAME = 48
DRILL_WORDS = {
    "exception": "step {step} will fail on purpose",
    "preempt": "step {step} will be preempted on purpose",
    "commit_failure": "a commit from step {step} on will fail on purpose",
}


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
    """The boot phase with its elapsed time: ``boot 4.2 s``, ``LOADING 1.2 s after a cold boot of 4.2 s``."""
    view = sight.view
    elapsed = sight.since(view.phase_since if view.phase_since is not None else view.spawned_at)
    time = span(elapsed) if elapsed is not None else ""
    attempt = view.attempt
    if view.phase in (None, AttemptPhase.BOOTING) or attempt is None:
        return (f"boot {time}" if view.phase else f"queued {time}").rstrip()
    return f"{view.phase} {time} after {started(attempt)}".rstrip()


def started(attempt: AttemptView) -> str:
    """``a cold boot of 4.2 s``, ``a warm spare's 0.02 s``."""
    if attempt.start is None:
        return "its boot"
    boot = "" if attempt.boot_seconds is None else span(attempt.boot_seconds)
    name = START_WORDS[attempt.start]
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


def news(sight: Sight) -> list[Line]:
    """What happens next, most urgent first; empty groups are left out."""
    view = sight.view
    if view.state.is_terminal:
        return [_ended(view)]
    groups = [_draining(sight), _backing_off(sight), _silence(sight), _drill(sight), _pace(sight)]
    return [group for group in groups if group]


def _ended(view: RunView) -> Line:
    how = {RunState.SUCCEEDED: ("DONE", "good-strong"), RunState.FAILED: ("WHY", "bad-strong")}
    word, role = how.get(view.state, ("ENDED", "strong"))
    counts = reported(view)
    facts = plain(view.detail, 200) or f"steps {told(counts.step)}, commits {told(counts.commits)}"
    if counts.step is not None and counts.commits is not None and not view.detail:
        facts = f"{plural(counts.step, 'step')}, {plural(counts.commits, 'commit')}"
    return [(f"{word}: ", role), (facts, "text")]


def _draining(sight: Sight) -> Line:
    drain = sight.view.drain
    if drain is None:
        return []
    work = "saving what there is" if drain.saving else f"not saving, {loss(sight.view)}"
    return [
        (f"DRAINING {countdown(drain.deadline - sight.now)} left", "warn-strong"),
        (f" · {plain(drain.cause, 20)} · {work}", "text"),
        (f" · {plain(drain.why, 80)}" if drain.why else "", "quiet"),
    ]


def _silence(sight: Sight) -> Line:
    """That we hear nothing is said as what it is: a fact about us, not about the run."""
    if sight.freshness is Freshness.UNREACHABLE:
        return [("NO NEWS", "bad-strong"), (" · our own link is down; the run may well go on", "text")]
    if sight.freshness is Freshness.SILENT:
        return [("NO NEWS", "bad-strong"), (" · nothing is concluded from silence alone", "text")]
    return []


def loss(view: RunView) -> str:
    """What stopping without a save costs: ``7 steps will be redone``."""
    steps = reported(view).uncommitted
    if steps is None:
        return "what is lost is not reported"
    return f"{plural(steps, 'step')} will be redone" if steps else "nothing to lose"


def _backing_off(sight: Sight) -> Line:
    backoff = sight.view.backoff
    if backoff is None:
        return []
    left = backoff.due - sight.now
    soon = f" in {countdown(left)}" if left > 0 else " is due"
    return [
        (f"BACKOFF retry {backoff.retry}/{backoff.of}{soon}", "warn-strong"),
        (f" (delay {delay_text(sight.view, backoff.retry, backoff.delay)})", "text"),
    ]


def delay_text(view: RunView, retry: int, delay: float) -> str:
    """A delay with the arithmetic that gave it, where it is the deployed class's."""
    policy = DEPLOYED_RETRIES
    if abs(policy.delay(retry) - delay) > 1e-6:
        return f"{delay:g} s"
    return backoff_formula(delay, retry, policy.initial_delay, policy.backoff_coefficient, policy.max_delay)


def next_drill(view: RunView) -> NextDrill | None:
    """The nearest fault on purpose that is still ahead."""
    return min(view.drills, key=lambda drill: drill.step, default=None)


def drill_sentence(drill: NextDrill) -> str:
    """What will happen on purpose, and where."""
    words = DRILL_WORDS.get(drill.kind)
    return words.format(step=drill.step) if words else f"{plain(drill.kind, 20)} at step {drill.step}"


def _drill(sight: Sight) -> Line:
    view, drill = sight.view, next_drill(sight.view)
    if drill is None:
        return [("NEXT: ", "accent-strong"), (plain(view.drill_text, 120), "text")] if view.drill_text else []
    line: Line = [("NEXT: ", "accent-strong"), (drill_sentence(drill), "text")]
    ahead, pace = drill.step - view.step, seconds_a_step(view)
    if view.state is RunState.RUNNING and ahead > 0 and pace is not None:
        line.append((f" (in {plural(ahead, 'step')}, about {age(ahead * pace)})", "quiet"))
    return line


def seconds_a_step(view: RunView) -> float | None:
    """The middle duration of the newest steps; None before the first."""
    ordered = sorted(view.step_seconds)
    return ordered[len(ordered) // 2] if ordered else None


def _pace(sight: Sight) -> Line:
    view, pace = sight.view, seconds_a_step(sight.view)
    running = view.state is RunState.RUNNING and sight.freshness in (Freshness.LIVE, Freshness.LATE)
    if not running or pace is None or view.of is None:
        return []
    left = (view.of - view.step) * pace
    speed = f" · {compact(view.tokens_per_second)} tok/s" if view.tokens_per_second else ""
    return [("done in about ", "quiet"), (age(left), "text"), (f" at {span(pace)} a step{speed}", "quiet")]
