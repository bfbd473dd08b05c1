"""`middlewatch evaluate`: refused before anything is asked for, told as it goes, and a status at its end."""

import json
from typing import Any

import pytest
from conftest import Middlewatch, in_terminal, record
from standing_watcher import Watcher, answering
from story import RUN, Story, demo_story, live_story

from remote.vocabulary.commands import Intent, OutcomeState, Verb
from tui_app.exit_codes import ExitCode
from tui_app.journal.records import Draft
from tui_app.locations import Locations


def course(failed: int = 0, outcome: str = "done") -> Any:
    """What a watcher says of an evaluation of four slices, of which the last ``failed`` fail."""

    def drafts(intent: Intent) -> list[Draft]:
        def draft(kind: str, **data: Any) -> Draft:
            return Draft(type=f"evaluation.{kind}", data={"id": intent.id, **data})

        lost = [
            draft("slice_failed", slice=4 - n, first=1, last=9, error=f"lost \x1b[2J{n}")
            for n in range(failed)
        ]
        done = 4 - failed
        count = {"done": done, "failed": failed, "scored": 64 * done, "seconds": 2.5}
        found = {"reward/mean": 0.5, "exact_match": 0.25, "prompts": 64 * done, "seconds": 2.5}
        step = intent.args["step"]
        return [
            draft("started", step=step, prompts=intent.args["prompts"], slices=4, name="c"),
            *lost,
            draft("progressed", **count),
            draft("ended", step=step, slices=4, outcome=outcome, metrics=found, **count),
        ]

    return drafts


def test_it_is_asked_for_with_what_is_left_out_filled_in_and_its_result_is_told(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    record(locations, live_story().events)
    watcher.answer, watcher.says = answering(OutcomeState.DONE), course()
    told = middlewatch("evaluate", RUN)
    assert told.returncode == ExitCode.OK, told.stderr
    assert told.stdout.splitlines() == [
        "-- evaluation of step 10 begins: 256 prompts in 4 slices",
        "ok evaluation of step 10: reward/mean 0.500, exact_match 0.250 (256 prompts in 2.5 s)",
    ]
    [intent] = watcher.intents
    assert (intent.verb, intent.run) == (Verb.EVALUATE, RUN)
    assert intent.args == {"step": 10, "prompts": 256, "slices": 4}


def test_if_slices_fail_each_is_named_and_the_status_is_not_that_of_a_success(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    record(locations, live_story().events)
    watcher.answer, watcher.says = answering(OutcomeState.DONE), course(2, "partial")
    told = middlewatch("evaluate", RUN, "--step", "10")
    assert told.returncode == ExitCode.ERROR
    assert "!! evaluation: slice 4 (prompts 1–9) failed: lost 0" in told.stdout
    assert "2 of 4 slices failed after 2.5 s" in told.stdout
    told = middlewatch("evaluate", RUN, "--prompts", "256", "--json")
    assert told.returncode == ExitCode.ERROR, told.stderr
    document = json.loads(told.stdout)
    assert (document["outcome"], document["step"]) == ("partial", 10)
    assert [failure["slice"] for failure in document["failures"]] == [4, 3]


def test_without_waiting_it_is_left_to_the_watcher(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    record(locations, live_story().events)
    watcher.answer = answering(OutcomeState.DONE, "step 10: begun")
    told = middlewatch("evaluate", RUN, "--no-wait", "--json")
    assert told.returncode == ExitCode.OK, told.stderr
    document = json.loads(told.stdout)
    assert (document["id"], document["slices"], document["outcome"]) == (watcher.intents[0].id, 4, None)


def test_on_a_terminal_it_says_what_it_would_start_and_no_is_the_answer_to_enter(
    locations: Locations, watcher: Watcher
) -> None:
    record(locations, live_story().events)
    status, out = in_terminal(["evaluate", RUN], 100, 30, typed="\n")
    assert status == ExitCode.REFUSED
    assert "The checkpoint of step 10 answers 256 held-out prompts" in out
    assert "4 H100 (no price for H100" in out
    assert "was not confirmed; nothing was done" in out
    assert not watcher.intents


def test_the_one_under_way_is_ended_and_no_second_one_begun(
    locations: Locations, middlewatch: Middlewatch, watcher: Watcher
) -> None:
    story = live_story()
    story.watcher("evaluation.started", id="in-a", step=10, prompts=64, slices=4)
    record(locations, story.events)
    watcher.answer = answering(OutcomeState.DONE, "its containers are being ended")
    second = middlewatch("evaluate", RUN)
    assert (second.returncode, "is under way (0 of 4 slices)" in second.stderr) == (ExitCode.REFUSED, True)
    ended = middlewatch("evaluate", RUN, "--cancel")
    assert (ended.returncode, ended.stdout) == (0, f"ok evaluate {RUN}: its containers are being ended\n")
    assert [intent.verb for intent in watcher.intents] == [Verb.CANCEL_EVALUATION]


def uncommitted() -> Story:
    story = Story()
    story.spawn()
    story.claim(1)
    return story


@pytest.mark.parametrize(
    ("story", "words", "code", "why"),
    [
        (live_story(), ("--prompts", "0"), 2, "--prompts is 0; allowed is 1 to 65536"),
        (
            live_story(),
            ("--slices", "9", "--prompts", "8"),
            2,
            "--slices is 9; allowed is 1 to 8 with 8 prompts",
        ),
        (live_story(), ("--step", "11"), 2, "--step is 11; allowed is a committed step: 10"),
        (live_story(), ("--step", "x"), 2, "'x' is not a valid integer"),
        (live_story(), ("--cancel", "--step", "10"), 2, "it takes no other option"),
        (demo_story(), ("--cancel",), 6, "no evaluation of r7 is under way"),
        (uncommitted(), (), 6, "r7 has no committed checkpoint yet"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name_before_anything_is_asked_for(
    locations: Locations, middlewatch: Middlewatch, story: Story, words: tuple[str, ...], code: int, why: str
) -> None:
    record(locations, story.events)
    refused = middlewatch("evaluate", RUN, *words)
    assert (refused.returncode, why in refused.stderr) == (code, True), refused.stderr
    assert not locations.intents.exists()
