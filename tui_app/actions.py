"""What an operator can do, as one table: keys, palette, help, dialogs, command line and audit agree.

    action = ACTIONS["preempt"]
    action.key, action.label, action.danger          # 'p', 'preempt-test', Danger.COSTLY
    action.refusal(view)                             # why not now, in a sentence; None if it can be done
    action.cost(view, at_stake)                      # what it would cost, in sentences
    action.cli("r7")                                 # 'middlewatch preempt r7'

Pure: it looks at a view and says; whoever shows it asks `tui_app.requests` to do it. The watcher
checks its own preconditions again when it carries an intent out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from remote.vocabulary.commands import Verb
from remote.vocabulary.run_states import RunState
from tui_app.evaluating import cancel_costs, evaluation_costs, refuse_cancel, refuse_evaluation
from tui_app.state.cost import Cost, gpu_time
from tui_app.state.endings import DEFAULT_GRACE_SECONDS
from tui_app.state.fields import Fields
from tui_app.state.levels import Level, needs_records, reported
from tui_app.state.standing import current_attempt
from tui_app.state.view import RunView


class Danger(StrEnum):
    """How much a slip would cost: nothing, work that is done again, or the run's life."""

    NONE = "none"
    COSTLY = "costly"
    DESTRUCTIVE = "destructive"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be done. ``verb`` is None for what stays on the operator's side."""

    id: str
    key: str
    label: str
    help: str
    danger: Danger = Danger.NONE
    verb: Verb | None = None
    command: str
    needs_run: bool = True
    tab: str = ""
    """The tab on which its key acts; empty where it acts on every screen."""
    refuse: Callable[[RunView], str | None] = lambda view: None
    costs: Callable[[RunView, Cost | None], list[str]] = lambda view, stake: []
    args: Callable[[RunView], dict[str, Any]] = lambda view: {}
    """What an intent carries besides the run."""

    def cli(self, run: str) -> str:
        """The same on the command line."""
        return self.command.format(run=run)

    def refusal(self, view: RunView | None) -> str | None:
        """Why it cannot be done to this run now, as a sentence; None if it can."""
        if view is None:
            return f"{self.label}: no run is selected" if self.needs_run else None
        return self.refuse(view)

    def cost(self, view: RunView, at_stake: Cost | None = None) -> list[str]:
        """What doing it would lose or start, as sentences; empty where nothing is at stake. ``at_stake``
        is the GPU time since the last commit, where it is to be said."""
        return self.costs(view, at_stake)


def aim(view: RunView) -> int | None:
    """The attempt that an action is aimed at: the live one. While none is, an action (a stop) is about the
    run, whichever attempt comes next."""
    attempt = view.attempt
    return attempt.number if attempt is not None and attempt.cause is None else None


def _needs_live_attempt(view: RunView, what: str) -> str | None:
    attempt = current_attempt(view)
    if attempt is None or attempt.cause is not None or view.state.is_terminal:
        return f"{view.run} has no live attempt ({view.state}); {what} needs one"
    return None


def _refuse_checkpoint(view: RunView) -> str | None:
    missing = needs_records(view, "checkpoint") or _needs_live_attempt(view, "a checkpoint")
    if missing is None and view.state is RunState.PREEMPTING:
        return f"{view.run} is being preempted; it saves by itself if there is time"
    return missing


def _refuse_preempt(view: RunView) -> str | None:
    missing = _needs_live_attempt(view, "a preempt-test")
    if missing is not None:
        return missing
    if view.drain is not None:
        return f"{view.run} is {view.state} already"
    attempt = view.attempt
    return None if attempt and attempt.task_id else f"{view.run}: its container is not known yet"


def _refuse_resume(view: RunView) -> str | None:
    if view.level is not Level.OWN:
        again = "its next call goes on with the run" if view.level is Level.L2 else "adopt its next call"
        return f"{view.run} is not of our trainer ({view.level}): start it the way it was started; {again}"
    if not view.state.is_terminal:
        return f"{view.run} is live ({view.state}); only a run that has ended can be resumed"
    if view.state is RunState.SUCCEEDED and view.of is not None and view.step >= view.of:
        return f"{view.run} has finished all of its {view.of} steps; there is nothing to resume"
    return None


def _refuse_stop(view: RunView) -> str | None:
    if view.state.is_terminal:
        return f"{view.run} has ended already ({view.state})"
    return f"{view.run} is stopping already" if view.state is RunState.STOPPING else None


def _preempt_costs(view: RunView, stake: Cost | None) -> list[str]:
    attempt = view.attempt
    who = f"attempt {attempt.number} of {view.run}" if attempt else view.run
    told = Fields(view.config).real("grace_seconds")
    grace = DEFAULT_GRACE_SECONDS if told is None else told
    return [
        f"A real interrupt goes to {who}{_on_gpus(view)}; after {grace:g} s of grace it is killed.",
        _uncommitted(view, "done again if not saved in time"),
        *_paid_again(stake),
        "It starts again by itself. A preemption uses up no retry.",
    ]


def _stop_costs(view: RunView, stake: Cost | None) -> list[str]:
    if not view.level.has_records:
        return [
            f"The call of {view.run} is cancelled: its trainer reads no commands, so nothing is saved first.",
            _uncommitted(view, "lost"),
        ]
    return [
        f"{view.run}{_on_gpus(view)} ends as STOPPED at its next step boundary.",
        _uncommitted(view, "saved and committed first; lost if that fails"),
        *_paid_again(stake),
        f"To go on later: middlewatch resume {view.run}",
    ]


def _resume_costs(view: RunView, stake: Cost | None) -> list[str]:
    start = f"step {view.committed_step}" if view.committed else "the start: nothing is committed"
    again = max(0, view.step - view.committed_step)
    lines = [f"A new call of {view.run} starts from {start}{_on_gpus(view)}."]
    if again:
        lines.append(f"{_steps(again)} after it {'is' if again == 1 else 'are'} done again.")
    return lines


def _on_gpus(view: RunView) -> str:
    count = view.gpu_count if view.gpu_count is not None else view.gpu_requested_count
    return f" on {count} GPU{'s' if count != 1 else ''}" if count else ""


def _uncommitted(view: RunView, fate: str) -> str:
    count = reported(view).uncommitted
    if count is None:
        return "What of it is committed is not reported."
    if not count:
        return f"Step {view.step} is committed: no step is at stake now."
    return f"{_steps(count)} since the commit of step {view.committed_step}: {fate}."


def _paid_again(stake: Cost | None) -> list[str]:
    """The GPU time behind those steps, and its price where one is configured."""
    if stake is None or not stake.is_something or stake.seconds is None:
        return []
    price = f", {stake.paid}" if stake.paid else f" (no price for {stake.gpu}: [prices] in the config)"
    return [f"A kill now costs {gpu_time(stake.seconds)} since that commit{price}."]


def _steps(count: int) -> str:
    return f"{count} step{'s' if count != 1 else ''}"


_TABLE: Sequence[Action] = (
    Action(
        id="spawn",
        key="s",
        label="spawn",
        help="start a new run",
        verb=Verb.SPAWN,
        command="middlewatch spawn --task sort-digits",
        needs_run=False,
    ),
    Action(
        id="checkpoint",
        key="c",
        label="checkpoint",
        help="save and commit at the next step boundary",
        verb=Verb.CHECKPOINT,
        command="middlewatch checkpoint {run}",
        refuse=_refuse_checkpoint,
    ),
    Action(
        id="preempt",
        key="p",
        label="preempt-test",
        help="a real interrupt: does it come back where it was?",
        danger=Danger.COSTLY,
        verb=Verb.PREEMPT,
        command="middlewatch preempt {run}",
        refuse=_refuse_preempt,
        costs=_preempt_costs,
    ),
    Action(
        id="resume",
        key="r",
        label="resume",
        help="a new call of an ended run, from its newest committed checkpoint",
        danger=Danger.COSTLY,
        verb=Verb.RESUME,
        command="middlewatch resume {run}",
        refuse=_refuse_resume,
        costs=_resume_costs,
        args=lambda view: {"config": view.config},
    ),
    Action(
        id="stop",
        key="x",
        label="stop",
        help="end the run; it saves and commits first",
        danger=Danger.DESTRUCTIVE,
        verb=Verb.STOP,
        command="middlewatch stop {run}",
        refuse=_refuse_stop,
        costs=_stop_costs,
    ),
    Action(
        id="evaluate",
        key="e",
        label="evaluate",
        help="score a committed checkpoint on held-out prompts, beside the run",
        danger=Danger.COSTLY,
        verb=Verb.EVALUATE,
        command="middlewatch evaluate {run}",
        tab="eval",
        refuse=refuse_evaluation,
        costs=evaluation_costs,
    ),
    Action(
        id="cancel-eval",
        key="X",
        label="end evaluation",
        help="end the evaluation that is under way; what is scored is kept",
        danger=Danger.COSTLY,
        verb=Verb.CANCEL_EVALUATION,
        command="middlewatch evaluate {run} --cancel",
        tab="eval",
        refuse=refuse_cancel,
        costs=cancel_costs,
    ),
    Action(
        id="open",
        key="enter",
        label="open",
        help="look at a run",
        command="middlewatch open {run}",
    ),
    Action(
        id="quit",
        key="q",
        label="quit",
        help="close the dashboard; runs and their recording go on",
        command="",
        needs_run=False,
    ),
)
ACTIONS = {action.id: action for action in _TABLE}
"""Every action by its id, in the order in which they are offered."""
