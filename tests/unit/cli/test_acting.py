"""The acting verbs against a watcher's files: what is written, and what each outcome exits with.

The watcher here is this test: it holds the real lock, reads the real intents and records outcomes
with the real writer, so that each outcome can be chosen.
"""

import json
import stat
import threading
from pathlib import Path

import msgspec
import pytest
from conftest import Middlewatch, in_terminal, record
from standing_watcher import Watcher, answering
from story import RUN, Story, demo_story, live_story

from remote.vocabulary.commands import OutcomeState, Verb
from remote.vocabulary.events import Event
from remote.vocabulary.run_config import RunConfig
from tui_app.actions import ACTIONS
from tui_app.exit_codes import ExitCode
from tui_app.locations import Locations


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (OutcomeState.DONE, ExitCode.OK),
        (OutcomeState.REFUSED, ExitCode.REFUSED),
        (OutcomeState.EXPIRED, ExitCode.REFUSED),
        (OutcomeState.FAILED, ExitCode.ERROR),
    ],
)
def test_each_outcome_has_its_exit_code_and_its_sentence(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher, state: OutcomeState, code: ExitCode
) -> None:
    record(locations, live_story().events)
    watcher.answer = answering(state, "said \x1b[31mby the watcher")
    done = middlewatch("checkpoint", RUN)
    assert done.returncode == code, done.stderr
    assert "said by the watcher" in done.stdout + done.stderr
    [intent] = watcher.intents
    assert (intent.verb, intent.run, intent.attempt) == (Verb.CHECKPOINT, RUN, 1)
    assert 50 < intent.expires_at - intent.created_at <= 60
    assert stat.S_IMODE(locations.intents.stat().st_mode) == 0o600


def test_an_intent_that_nobody_answers_is_named(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    record(locations, live_story().events)
    watcher.answer = answering(OutcomeState.SENT, "on its way")
    done = middlewatch("preempt", RUN)
    assert done.returncode == ExitCode.UNREACHABLE
    assert watcher.intents[0].id in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_spawn_takes_the_next_free_name_and_sends_a_checked_config(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    watcher.answer = answering(OutcomeState.DONE, "call fc-9")
    assert middlewatch("spawn", "--task", "sort-digits").returncode == ExitCode.OK
    events = live_story().events
    record(locations, [_renamed(event, "sort-digits") for event in events])
    done = middlewatch("spawn", "--fail-at-step", "40", "--steps", "60", "--json")
    assert json.loads(done.stdout)["outcome"] == "done"
    first, second = watcher.intents
    assert (first.run, second.run) == ("sort-digits", "sort-digits-2")
    config = RunConfig.from_json(second.args["config"])
    assert (config.steps, config.drills[0].step, config.drills[0].kind) == (60, 40, "exception")


def test_spawn_does_not_take_a_name_twice(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    record(locations, live_story().events)
    done = middlewatch("spawn", "--name", RUN)
    assert done.returncode == ExitCode.REFUSED
    assert "r7-2" in done.stderr
    assert watcher.intents == []


def test_resume_sends_the_runs_own_config_and_the_step_to_go_back_to(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    story = live_story()
    story.end(1, "STOPPED", 14)
    record(locations, story.events)
    watcher.answer = answering(OutcomeState.DONE)
    assert middlewatch("resume", RUN, "--from", "10", "--steps", "400").returncode == ExitCode.OK
    [intent] = watcher.intents
    assert intent.args["from_step"] == 10
    assert RunConfig.from_json(intent.args["config"]).steps == 400


def test_a_finished_run_goes_on_with_a_larger_goal(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    record(locations, demo_story().events)
    watcher.answer = answering(OutcomeState.DONE)
    assert middlewatch("resume", RUN).returncode == ExitCode.REFUSED
    assert middlewatch("resume", RUN, "--steps", "250").returncode == ExitCode.REFUSED
    assert middlewatch("resume", RUN, "--steps", "300").returncode == ExitCode.OK
    assert middlewatch("resume", RUN, "--from", "200").returncode == ExitCode.OK


def test_what_cannot_be_done_now_is_refused_before_anything_is_written(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    story = Story()
    story.spawn()
    record(locations, story.events)
    for verb in ("checkpoint", "preempt"):
        done = middlewatch(verb, RUN)
        assert done.returncode == ExitCode.REFUSED
        assert "no live attempt (STARTING)" in done.stderr
    assert not locations.intents.exists()


def test_a_run_that_the_watcher_finds_a_moment_later_is_known(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    timer = threading.Timer(1.0, record, (locations, live_story().events))
    timer.start()
    watcher.answer = answering(OutcomeState.DONE)
    assert middlewatch("checkpoint", RUN).returncode == ExitCode.OK
    timer.join()


@pytest.mark.parametrize(("answer", "code"), [("", ExitCode.REFUSED), ("y", ExitCode.OK)])
def test_in_a_terminal_what_costs_something_is_asked_and_no_is_the_default(
    locations: Locations, watcher: Watcher, answer: str, code: ExitCode
) -> None:
    record(locations, live_story().events)
    watcher.answer = answering(OutcomeState.DONE)
    status, out = in_terminal(["stop", RUN], 100, 30, typed=f"{answer}\n")
    assert status == code
    assert "4 steps since the commit of step 10" in out
    assert len(watcher.intents) == (code is ExitCode.OK)


def _renamed(event: Event, run: str) -> Event:

    return msgspec.structs.replace(event, run=run)


@pytest.mark.parametrize("verb", ["stop", "preempt"])
def test_on_modal_a_script_must_say_yes_to_what_costs_something(
    home: Path, middlewatch: Middlewatch, verb: str
) -> None:
    (home / "middlewatch").mkdir(exist_ok=True)
    (home / "middlewatch" / "config.toml").write_text('[prices]\nH100 = 4.0\ncurrency = "USD"\n')
    place = Locations.of("modal")
    place.prepare()
    record(place, live_story().events)
    done = middlewatch(verb, RUN, "--target", "modal")
    assert done.returncode == ExitCode.REFUSED
    assert f"{ACTIONS[verb].label} of {RUN} on modal needs --yes" in done.stderr
    assert "4 steps since the commit of step 10" in done.stderr
    assert not place.intents.exists()


def test_show_says_what_a_run_has_cost_and_which_price_is_missing(
    home: Path, locations: Locations, middlewatch: Middlewatch
) -> None:
    record(locations, live_story().events)
    assert "GPUs not reported yet" in middlewatch("show", RUN).stdout
    document = json.loads(middlewatch("show", RUN, "--json").stdout)
    assert document["cost"]["money"] is None
    assert document["cost"]["at_stake"]["steps"] == 4
