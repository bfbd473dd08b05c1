"""An evaluation goes on whoever dies: what a slice found counts once, and what fails is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from world import RUN, Attempt, World

from remote.records import keys
from remote.records.commit_log import CommitLog
from remote.records.evaluations import SliceRecord, write_slice
from remote.vocabulary.commands import Intent, Verb
from tui_app.watcher.evaluator import CALL_SECONDS
from tui_app.watcher.inference import CallState

NAME = "step_00000003.a0001"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A run whose step 3 is committed."""
    made = World(tmp_path)
    made.reserve()
    attempt = made.attempt()
    attempt.say("gpu.found", requested="H100:8", requested_count=8, count=8, names=[], cpu_demo=False)
    attempt.steps(1, 3)
    log = CommitLog(made.records, 1, "b1")
    log.fence(lambda records: 0)
    attempt.commit(3, log.append_commit(3, NAME))
    made.trainer = attempt  # type: ignore[attr-defined]
    made.look()
    return made


def asked(world: World, **args: Any) -> Intent:
    """An evaluation of 10 prompts in 4 slices, or as given; the watcher has looked at it once."""
    intent = world.ask(Verb.EVALUATE, **({"prompts": 10, "slices": 4} | args))
    look(world)
    return intent


def look(world: World, *, later: float = 0.0) -> None:
    world.look(later=later)
    world.evaluator.look()


def says(world: World, intent: Intent, number: int, rewards: list[float], **about: Any) -> None:
    """What the container of a slice writes down."""
    scores = tuple((reward, reward == 1.0) for reward in rewards)
    record = SliceRecord(**({"step": 3, "name": NAME, "scores": scores} | about))
    write_slice(world.records, intent.id, number, record)


def failures(world: World) -> list[tuple[int, int, int, str]]:
    rows = world.reader.events(RUN, limit=10_000, types=["evaluation.slice_failed"])
    return [tuple(row.event.data[name] for name in ("slice", "first", "last", "error")) for row in rows]


def outcome(world: World) -> str:
    evaluation = world.journal.view(RUN).evaluation
    return "" if evaluation is None else evaluation.outcome


def test_each_slice_has_a_call_of_its_own_and_the_result_is_that_of_all_prompts(world: World) -> None:
    intent = asked(world)
    assert (world.outcome(intent) or ("",))[0] == "done"
    assert [(part.number, part.first, part.count, part.step) for part, _ in world.evaluated] == [
        (1, 0, 3, 3),
        (2, 3, 3, 3),
        (3, 6, 2, 3),
        (4, 8, 2, 3),
    ]
    assert {gpu for _, gpu in world.evaluated} == {"H100"}, "one GPU a slice, not the class's eight"
    for number, rewards in ((4, [0.1, 0.2]), (2, [1.0, 0.3, 0.7]), (3, [1.0, 1.0])):
        says(world, intent, number, rewards)
        look(world, later=1.0)
    assert (outcome(world), world.last("evaluation.progressed")["done"]) == ("", 3)
    says(world, intent, 1, [0.5, 0.25, 0.125])
    look(world, later=1.0)
    every = [0.5, 0.25, 0.125, 1.0, 0.3, 0.7, 1.0, 1.0, 0.1, 0.2]
    ended = world.last("evaluation.ended")
    assert (ended["outcome"], ended["done"], ended["failed"], ended["name"]) == ("done", 4, 0, NAME)
    assert ended["metrics"] == {
        "reward/mean": sum(every) / 10,
        "exact_match": 0.3,
        "prompts": 10,
        "seconds": 4.0,
    }


def test_slices_that_fail_are_named_and_the_others_count(world: World) -> None:
    intent = asked(world)
    says(world, intent, 1, [1.0, 1.0, 0.0])
    says(world, intent, 2, [], error="UnusableCheckpointError: it does not fit")
    says(world, intent, 3, [1.0])
    says(world, intent, 4, [1.0, 1.0], name="step_00000003.a0002")
    look(world, later=1.0)
    assert failures(world) == [
        (2, 4, 6, "UnusableCheckpointError: it does not fit"),
        (3, 7, 8, "it scored 1 prompts, not 2"),
        (4, 9, 10, f"it scored checkpoint step_00000003.a0002, not {NAME}"),
    ]
    ended = world.last("evaluation.ended")
    assert (ended["outcome"], ended["done"], ended["failed"]) == ("partial", 1, 3)
    assert ended["metrics"]["prompts"] == 3


def test_a_slice_whose_call_is_over_without_a_word_has_failed_and_one_that_is_only_late_has_not(
    world: World,
) -> None:
    intent = asked(world, prompts=2, slices=2)
    first, second = world.calls_of_slices
    world.states[first], world.states[second] = CallState.FAILURE, CallState.SUCCESS
    look(world, later=CALL_SECONDS)
    says(world, intent, 2, [1.0])
    look(world, later=0.5)
    assert failures(world) == [(1, 1, 1, "its container ended without a word, for good")]
    assert outcome(world) == "partial"


def test_what_cannot_be_read_is_a_failed_slice_and_not_the_watchers(world: World) -> None:
    intent = asked(world, prompts=3, slices=3)
    world.records.put(keys.evaluation(intent.id, 1), b'{"scores": [[NaN, true]]}')
    world.records.put(keys.evaluation(intent.id, 2), b'{"scores": 7}')
    says(world, intent, 3, [0.5])
    look(world, later=1.0)
    assert [number for number, *_ in failures(world)] == [1, 2]
    assert world.last("evaluation.ended")["metrics"]["reward/mean"] == 0.5


def test_the_next_watcher_goes_on_where_one_died_and_calls_no_slice_twice(world: World) -> None:
    intent = asked(world)
    says(world, intent, 1, [1.0, 1.0, 1.0])
    says(world, intent, 2, [], error="it failed")
    look(world, later=1.0)
    for _ in range(3):
        world.restart()
        look(world, later=1.0)
    says(world, intent, 3, [0.0, 0.0])
    world.restart()
    look(world, later=1.0)
    says(world, intent, 4, [0.0, 0.0])
    look(world, later=1.0)
    assert len(world.evaluated) == 4
    assert failures(world) == [(2, 4, 6, "it failed")]
    ended = world.last("evaluation.ended")
    assert (ended["outcome"], ended["metrics"]["reward/mean"]) == ("partial", 3 / 7)
    assert world.told().count("0 evaluation.ended") == 1


def test_a_reply_that_was_lost_costs_a_second_call_and_changes_no_result(world: World) -> None:
    world.lose_spawn_replies = 1
    intent = asked_over_a_bad_link(world)
    assert len(world.evaluated) == 3
    says(world, intent, 1, [1.0])
    says(world, intent, 1, [0.0])
    says(world, intent, 2, [1.0])
    look(world, later=1.0)
    assert world.last("evaluation.ended")["metrics"] == {
        "reward/mean": 1.0,
        "exact_match": 1.0,
        "prompts": 2,
        "seconds": 2.0,
    }


def asked_over_a_bad_link(world: World) -> Intent:
    from tui_app.watcher.calls import LinkError

    intent = world.ask(Verb.EVALUATE, prompts=2, slices=2)
    with pytest.raises(LinkError):
        look(world)
    look(world, later=1.0)
    return intent


def test_an_evaluation_that_is_ended_early_keeps_what_is_scored(world: World) -> None:
    intent = asked(world)
    says(world, intent, 2, [1.0, 0.0, 0.5])
    look(world, later=1.0)
    cancel = world.ask(Verb.CANCEL_EVALUATION)
    look(world, later=1.0)
    assert (world.outcome(cancel) or ("",))[0] == "done"
    assert [call for call, _ in world.cancelled] == [
        c for n, c in enumerate(world.calls_of_slices, 1) if n != 2
    ]
    ended = world.last("evaluation.ended")
    assert (ended["outcome"], ended["done"], ended["metrics"]["reward/mean"]) == ("cancelled", 1, 0.5)
    look(world, later=60.0)
    assert world.told().count("0 evaluation.ended") == 1


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"step": 2}, "no checkpoint of step 2 of r7 is committed"),
        ({"step": "3"}, "step is '3'; allowed is a whole number"),
        ({"prompts": 0}, "prompts is 0; allowed is 1 to 65536"),
        ({"slices": 65, "prompts": 100}, "slices is 65; allowed is 1 to 64 with 100 prompts"),
        ({"slices": 3, "prompts": 2}, "slices is 3; allowed is 1 to 2 with 2 prompts"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_anything_is_called(
    world: World, args: dict[str, Any], why: str
) -> None:
    intent = asked(world, **args)
    assert world.outcome(intent) == ("refused", why)
    assert (world.evaluated, world.journal.view(RUN).evaluation) == ([], None)


def test_a_checkpoint_that_has_been_deleted_is_refused(world: World) -> None:
    trainer: Attempt = world.trainer  # type: ignore[attr-defined]
    trainer.say("checkpoint.deleted", step=3, name=NAME)
    world.look()
    intent = asked(world)
    why = "the checkpoint of step 3 of r7 has been deleted since"
    assert (world.outcome(intent), world.evaluated) == (("refused", why), [])


def test_a_second_one_is_refused_while_one_runs_and_so_is_the_end_of_none(world: World) -> None:
    none = world.ask(Verb.CANCEL_EVALUATION)
    first, second = asked(world), asked(world)
    assert world.outcome(none) == ("refused", "no evaluation of r7 is under way")
    assert (world.outcome(first) or ("",))[0] == "done"
    state, why = world.outcome(second) or ("", "")
    assert (state, "is under way (0 of 4 slices)" in why) == ("refused", True)


def test_a_target_without_the_trainer_app_says_so_and_nothing_begins(world: World) -> None:
    world.is_deployed = False
    intent = asked(world)
    assert world.outcome(intent) == ("failed", "not deployed; run: middlewatch deploy")
    assert world.journal.view(RUN).evaluation is None


def test_a_trainer_that_goes_away_in_between_fails_the_slices_that_were_not_called(world: World) -> None:
    intent = world.ask(Verb.EVALUATE, prompts=4, slices=2)
    world.look()
    world.is_deployed = False
    world.evaluator.look()
    assert [error for *_, error in failures(world)] == ["not deployed; run: middlewatch deploy"] * 2
    assert (world.outcome(intent), outcome(world)) == (
        ("done", "step 3, 4 prompts in 2 slices: begun"),
        "failed",
    )


def test_who_asked_is_in_the_runs_own_log_for_colleagues_and_no_trainer_takes_it(world: World) -> None:
    from remote.records.command_log import CommandReader, read_sent

    intent = asked(world)
    [(_, sent)] = read_sent(world.records)
    assert sent is not None
    assert (sent.command.id, sent.command.verb, sent.command.by) == (intent.id, Verb.EVALUATE, "ada")
    reader = CommandReader(world.records, 1, clock=world.clock)
    reader._fetch()
    assert reader.poll() == []
    assert world.told().count("0 intent.sent") == 1
