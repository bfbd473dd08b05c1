"""What comes next for a run, in words.

    outlook(sight)      # NEXT, BACKOFF with its countdown, DRAINING, or how a run ended

What comes from a remote process passes `plain`.
"""

from __future__ import annotations

from remote.vocabulary.run_config import DEPLOYED_RETRIES
from remote.vocabulary.run_states import Freshness, RunState
from tui_app.render.formats import age, backoff_formula, compact, countdown, plural, span
from tui_app.render.spans import Line
from tui_app.state.levels import reported
from tui_app.state.view import NextDrill, RunView
from tui_app.text_safety import plain
from tui_app.widgets.sight import Sight
from tui_app.widgets.words import told

DRILL_WORDS = {
    "exception": "step {step} will fail on purpose",
    "preempt": "step {step} will be preempted on purpose",
    "commit_failure": "a commit from step {step} on will fail on purpose",
}


def outlook(sight: Sight) -> list[Line]:
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
    if not policy.gives(retry, delay):
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
