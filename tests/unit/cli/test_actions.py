"""The table of actions: one key, one command, one sentence for every refusal and every cost."""

import msgspec
import pytest
from story import RUN, Story, demo_story, live_story

from remote.vocabulary.commands import Verb
from remote.vocabulary.run_states import EndCause
from tui_app.actions import ACTIONS, Danger, aim
from tui_app.cli import cli
from tui_app.state.view import RunView


def test_every_verb_has_one_action_with_a_key_of_its_own() -> None:
    assert {action.verb for action in ACTIONS.values() if action.verb} == set(Verb) - {
        Verb.ACKNOWLEDGE,  # of an alert, not of a run
        Verb.SNOOZE,
        Verb.ADOPT,  # of a call that is no run yet: open does it
    }
    keys = [action.key for action in ACTIONS.values()]
    assert len(set(keys)) == len(keys)
    assert {
        ACTIONS[name].key for name in ("spawn", "checkpoint", "preempt", "resume", "stop", "quit")
    } == set("scprxq")


def test_every_action_is_a_command_too() -> None:
    for action in ACTIONS.values():
        words = action.cli(RUN).split()
        if words:
            assert words[0] == "middlewatch"
            assert words[1] in cli.commands
            assert RUN in words or not action.needs_run


def test_what_costs_something_says_what() -> None:
    view = live_story().view
    for action in ACTIONS.values():
        assert bool(action.cost(view)) == (action.danger is not Danger.NONE)


def test_a_stop_between_two_attempts_is_about_the_run_and_not_about_the_one_that_is_gone() -> None:
    story = live_story()
    assert aim(story.view) == 1
    attempt = story.view.attempt
    assert attempt is not None
    ended = msgspec.structs.replace(attempt, cause=EndCause.PREEMPTED_DRAINED)
    assert aim(msgspec.structs.replace(story.view, attempts=(ended,))) is None


def test_a_preemption_names_attempt_gpus_grace_and_the_steps_at_stake() -> None:
    text = " ".join(ACTIONS["preempt"].cost(live_story().view))
    assert "attempt 1 of r7 on 8 GPUs" in text
    assert "30 s of grace" in text
    assert "4 steps since the commit of step 10: done again" in text
    assert "uses up no retry" in text


def test_a_run_without_uncommitted_steps_has_nothing_at_stake() -> None:
    story = live_story()
    story.commit(1, 14, 3)
    assert "no step is at stake" in " ".join(ACTIONS["stop"].cost(story.view))


def booting() -> RunView:
    story = Story()
    story.spawn()
    return story.view


def in_backoff() -> RunView:
    story = live_story()
    story.fail(1, 14, 10)
    return story.view


def draining() -> RunView:
    story = live_story()
    story.say("drain.started", 1, cause="preempted", deadline=story.t + 30, saving=True, why="")
    return story.view


def stopped() -> RunView:
    story = live_story()
    story.end(1, "STOPPED", 14)
    return story.view


@pytest.mark.parametrize(
    ("view", "allowed"),
    [
        (live_story().view, {"checkpoint", "preempt", "stop"}),
        (booting(), {"stop"}),
        (in_backoff(), {"stop"}),
        (draining(), {"stop"}),
        (stopped(), {"resume"}),
        (demo_story().view, set()),
    ],
    ids=["running", "booting", "backoff", "draining", "stopped", "succeeded"],
)
def test_what_can_be_done_depends_on_where_the_run_is(view: RunView, allowed: set[str]) -> None:
    asked = ("checkpoint", "preempt", "resume", "stop")
    assert {name for name in asked if ACTIONS[name].refusal(view) is None} == allowed
    for name in set(asked) - allowed:
        assert RUN in (ACTIONS[name].refusal(view) or "")


def test_without_a_run_only_what_needs_none_can_be_done() -> None:
    free = {name for name, action in ACTIONS.items() if action.refusal(None) is None}
    assert free == {"spawn", "quit"}
