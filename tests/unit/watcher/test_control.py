"""Each intent is carried out once, or refused with a reason, or not at all; never twice, never late."""

from pathlib import Path
from typing import Any

import pytest
from world import CONFIG, RUN, Attempt, World

from remote.records import keys
from remote.records.command_log import CommandReader, read_sent, send
from remote.records.commit_log import CommitLog
from remote.vocabulary.commands import Command, Intent, Verb
from remote.vocabulary.run_states import RunState
from tui_app.watcher.command_errands import KILL_AFTER_SECONDS, STOP_GRACE_SECONDS


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def live(world: World) -> World:
    """A run whose first attempt is at step 3."""
    world.reserve()
    world.trainer = world.attempt()  # type: ignore[attr-defined]
    trainer(world).say("phase.changed", phase="STEPPING")
    trainer(world).steps(1, 3)
    world.look()
    return world


def trainer(world: World) -> Attempt:
    attempt: Attempt = world.trainer  # type: ignore[attr-defined]
    return attempt


def commands(world: World, attempt: int = 1) -> list[Command]:
    """What the trainer of this attempt would get."""
    reader = CommandReader(world.records, attempt, clock=world.clock)
    reader._fetch()
    return reader.poll()


def end(world: World, state: str = "STOPPED", step: int = 3) -> None:
    trainer(world).say("attempt.ended", cause="stopped", step=step, committed_step=0, evidence="")
    trainer(world).say("run.ended", state=state, detail="", step=step, committed_step=0)
    world.look()


def spawn(world: World, **about: Any) -> Intent:
    return world.ask(Verb.SPAWN, config=CONFIG.to_json(), **about)


def test_a_spawn_makes_one_call_and_tells_the_run(world: World) -> None:
    intent = spawn(world)
    world.look()
    assert world.outcome(intent) == ("done", "r7 is call fc-s1")
    what = {"id": intent.id, "generation": 1, "from_step": None}
    assert world.spawned == [(RUN, CONFIG.to_json(), what)]
    assert world.told() == ["0 intent.sent", "0 run.spawned", "0 intent.done"]
    assert (world.journal.view(RUN).state, world.woken) == (RunState.STARTING, [RUN])
    for _ in range(3):
        world.restart()
        world.look()
    assert len(world.spawned) == 1


@pytest.mark.parametrize(
    ("run", "args", "words"),
    [
        ("Run 7", {}, "allowed are 1 to 48 of a-z"),
        (RUN, {"config": {"steps": 0}}, "steps is 0"),
        (RUN, {"config": {"stepz": 3}}, "stepz"),
    ],
)
def test_a_spawn_of_what_is_not_allowed_is_refused_by_name(
    world: World, run: str, args: dict[str, Any], words: str
) -> None:
    intent = world.ask(Verb.SPAWN, run, **args)
    world.look()
    state, detail = world.outcome(intent) or ("", "")
    assert state == "refused"
    assert words in detail
    assert (world.spawned, world.reader.views()) == ([], [])


def test_a_name_that_is_taken_is_refused_and_the_refusal_is_in_the_runs_audit(live: World) -> None:
    intent = spawn(live)
    live.look()
    assert live.outcome(intent) == ("refused", "r7 exists already; choose another name, or resume it")
    assert live.spawned == []
    assert live.told()[-1] == "0 intent.done"


def test_a_target_without_the_trainer_app_says_how_to_deploy_it(world: World) -> None:
    world.is_deployed = False
    intent = spawn(world)
    world.look()
    assert world.outcome(intent) == ("failed", "not deployed; run: middlewatch deploy")
    assert world.records.entries == {}


def test_an_expired_intent_is_never_carried_out(world: World) -> None:
    intent = spawn(world)
    world.look(later=61.0)
    assert world.outcome(intent) == ("expired", "not carried out before it expired: it was read too late")
    assert world.spawned == []


def test_intents_wait_for_the_link_until_they_expire(world: World) -> None:
    world.link_is_up = False
    early, late = spawn(world), world.ask(Verb.SPAWN, "r8")
    for _ in range(3):
        world.control.look()
    assert world.outcome(early) is None
    world.link_is_up = True
    world.control.look()
    assert (world.outcome(early) or ("",))[0] == "done"
    assert (world.outcome(late) or ("",))[0] == "done"
    world.link_is_up = False
    lost = world.ask(Verb.SPAWN, "r9")
    world.control.look()
    world.now += 61.0
    world.control.look()
    assert world.outcome(lost) == ("expired", "not carried out before it expired: the target does not answer")


def test_a_spawn_whose_reply_was_lost_is_called_again_for_the_same_reservation(world: World) -> None:
    world.lose_spawn_replies = 1
    intent = spawn(world)
    world.look()
    assert world.outcome(intent) == ("sent", "being carried out")
    world.restart()
    world.look()
    assert world.outcome(intent) == ("done", "r7 is call fc-s2")
    assert [what["generation"] for _, _, what in world.spawned] == [1, 1]
    world.attempt(call_id="fc-s1")
    world.look()
    assert world.journal.view(RUN).generation == 1
    assert world.journal.view(RUN).call_id == "fc-s1", "the call that claimed the generation counts"


def test_a_spawn_that_could_not_be_called_in_time_leaves_a_run_that_can_be_resumed(world: World) -> None:
    world.lose_spawn_replies = 99
    intent = spawn(world)
    world.look()
    world.look(later=61.0)
    state, detail = world.outcome(intent) or ("", "")
    assert (state, "resume it" in detail) == ("failed", True)
    assert world.journal.view(RUN).state is RunState.FAILED
    world.lose_spawn_replies = 0
    again = world.ask(Verb.RESUME)
    world.look()
    assert (world.outcome(again) or ("",))[0] == "done"
    assert world.journal.view(RUN).generation == 2


def test_a_checkpoint_is_done_when_the_trainer_says_so(live: World) -> None:
    intent = live.ask(Verb.CHECKPOINT, attempt=1)
    live.look()
    (command,) = commands(live)
    assert (command.id, command.verb, command.attempt) == (intent.id, Verb.CHECKPOINT, 1)
    assert (command.by, command.expires_at) == ("ada", intent.expires_at)
    assert live.outcome(intent) == ("sent", "being carried out")
    trainer(live).say("command.received", id=intent.id, verb="checkpoint")
    trainer(live).say("command.done", id=intent.id, verb="checkpoint", outcome="done", detail="step 3")
    live.look()
    live.look()
    assert live.outcome(intent) == ("done", "step 3")
    assert [told for told in live.told() if "intent" in told] == ["1 intent.sent", "0 intent.done"]


def test_what_the_trainer_refuses_is_refused_in_its_words(live: World) -> None:
    intent = live.ask(Verb.CHECKPOINT)
    live.look()
    trainer(live).say("command.done", id=intent.id, verb="checkpoint", outcome="refused", detail="no room")
    live.look()
    live.look()
    assert live.outcome(intent) == ("refused", "no room")


def test_a_command_is_not_sent_again_by_the_next_watcher_but_still_awaited(live: World) -> None:
    intent = live.ask(Verb.CHECKPOINT)
    live.look()
    live.restart()
    live.look()
    assert len(commands(live)) == 1
    trainer(live).say("command.done", id=intent.id, verb="checkpoint", outcome="done", detail="step 3")
    live.restart()
    live.look()
    assert live.outcome(intent) == ("done", "step 3")


def test_a_command_aimed_at_an_attempt_that_is_gone_is_refused(live: World) -> None:
    live.attempt()
    live.look()
    live.look(later=3.0)
    intent = live.ask(Verb.CHECKPOINT, attempt=1)
    live.look()
    state, detail = live.outcome(intent) or ("", "")
    assert (state, "aimed at attempt 1" in detail) == ("refused", True)
    assert commands(live, 1) == commands(live, 2) == []


def test_a_command_whose_attempt_ends_first_has_failed(live: World) -> None:
    intent = live.ask(Verb.CHECKPOINT)
    live.look()
    live.attempt()
    live.look(later=1.0)
    live.look(later=4.0)
    assert live.outcome(intent) == ("failed", "attempt 1 ended before it had done it")


def test_a_checkpoint_that_nobody_takes_expires(live: World) -> None:
    intent = live.ask(Verb.CHECKPOINT)
    live.look()
    live.look(later=70.0)
    assert live.outcome(intent) == ("expired", "attempt 1 came to no step boundary in time")
    assert commands(live) == []


@pytest.mark.parametrize("verb", [Verb.CHECKPOINT, Verb.PREEMPT, Verb.STOP, Verb.RESUME])
def test_an_unknown_run_is_refused_and_does_not_come_to_be(world: World, verb: Verb) -> None:
    intent = world.ask(verb, "r99")
    world.look()
    assert world.outcome(intent) == ("refused", "there is no run r99")
    assert world.reader.views() == []


@pytest.mark.parametrize("verb", [Verb.CHECKPOINT, Verb.PREEMPT, Verb.STOP])
def test_what_needs_a_live_run_is_refused_for_an_ended_one(live: World, verb: Verb) -> None:
    end(live)
    intent = live.ask(verb)
    live.look()
    assert (live.outcome(intent) or ("",))[0] == "refused"
    assert commands(live) == live.cancelled == live.stopped == []


def test_a_stop_that_the_trainer_takes_cancels_nothing(live: World) -> None:
    intent = live.ask(Verb.STOP)
    live.look()
    (command,) = commands(live)
    assert command.verb is Verb.STOP
    trainer(live).say("command.received", id=intent.id, verb="stop")
    live.look(later=STOP_GRACE_SECONDS + 5)
    end(live)
    live.look()
    assert live.outcome(intent) == ("done", "r7 is STOPPED")
    assert live.cancelled == []


def test_a_stop_that_is_not_taken_in_time_cancels_the_call_and_at_last_ends_the_container(
    live: World,
) -> None:
    intent = live.ask(Verb.STOP)
    live.look()
    live.look(later=STOP_GRACE_SECONDS - 1)
    assert live.cancelled == []
    live.look(later=2.0)
    assert live.cancelled == [("fc-1", False)]
    live.look(later=KILL_AFTER_SECONDS + 1)
    assert live.cancelled == [("fc-1", False), ("fc-1", True)]
    assert (live.outcome(intent) or ("",))[0] == "done"


def test_a_stop_waits_longer_where_steps_are_long(live: World) -> None:
    trainer(live).say("step.completed", step=4, of=20, metrics={"step_seconds": 100.0})
    live.look()
    live.ask(Verb.STOP)
    live.look()
    live.look(later=200.0)
    assert live.cancelled == []
    assert [command.verb for command in commands(live)] == [Verb.STOP]


def test_a_stop_ends_a_run_that_has_no_attempt_at_work(world: World) -> None:
    world.reserve()
    world.look()
    intent = world.ask(Verb.STOP)
    world.look()
    assert world.cancelled == [("fc-1", False)]
    assert world.outcome(intent) == ("done", "it had no live attempt; its call was cancelled")


def test_a_stop_ends_the_run_also_when_its_attempt_is_preempted_meanwhile(live: World) -> None:
    live.ask(Verb.STOP)
    live.look()
    trainer(live).say("attempt.ended", cause="preempted_killed", step=3, committed_step=0, evidence="")
    live.look()
    live.look(later=4.0)
    assert live.cancelled == [("fc-1", False)]


def test_a_preemption_interrupts_the_container_of_the_live_attempt(live: World) -> None:
    intent = live.ask(Verb.PREEMPT, attempt=1)
    live.look()
    assert live.stopped == ["ta-1"]
    assert live.outcome(intent) == ("done", "container ta-1 was interrupted")


def test_a_preemption_that_the_target_refuses_has_failed_in_its_words(live: World) -> None:
    live.refuses_stop = "no such container"
    intent = live.ask(Verb.PREEMPT)
    live.look()
    assert live.outcome(intent) == ("failed", "container ta-1 could not be interrupted: no such container")


def test_a_preemption_is_never_tried_twice(live: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(task_id: str) -> None:
        raise Killed

    intent = live.ask(Verb.PREEMPT)
    with monkeypatch.context() as patch:
        patch.setattr(live, "stop_container", die)
        with pytest.raises(Killed):
            live.control.look()
    live.restart()
    live.look()
    assert (live.outcome(intent) or ("",))[0] == "failed"
    assert live.stopped == []


def test_a_resume_calls_the_next_generation_with_the_same_config(live: World) -> None:
    end(live)
    intent = live.ask(Verb.RESUME)
    live.look()
    assert live.outcome(intent) == ("done", "r7 is call fc-s1")
    what = {"id": intent.id, "generation": 2, "from_step": None}
    assert live.spawned == [(RUN, CONFIG.to_json(), what)]
    view = live.journal.view(RUN)
    assert (view.generation, view.state) == (2, RunState.STARTING)


def test_a_run_whose_records_the_target_has_forgotten_is_not_begun_anew(live: World) -> None:
    end(live)
    live.records.entries.clear()
    intent = live.ask(Verb.RESUME)
    live.look()
    state, detail = live.outcome(intent)
    assert (state, live.spawned) == ("refused", [])
    assert detail.startswith("the target has forgotten the records of r7")


def test_a_live_run_is_not_resumed(live: World) -> None:
    intent = live.ask(Verb.RESUME)
    live.look()
    state, detail = live.outcome(intent) or ("", "")
    assert (state, "live" in detail, live.spawned) == ("refused", True, [])


def test_two_resumes_at_once_make_one_call(live: World) -> None:
    end(live)
    first, second = live.ask(Verb.RESUME), live.ask(Verb.RESUME)
    live.look()
    assert (live.outcome(first) or ("",))[0] == "done"
    assert (live.outcome(second) or ("",))[0] == "refused"
    assert len(live.spawned) == 1


def test_a_resume_by_somebody_on_another_host_wins_if_it_was_faster(live: World) -> None:
    end(live)
    live.reserve(2)
    intent = live.ask(Verb.RESUME)
    live.control.look()
    assert (live.outcome(intent) or ("",))[0] == "refused"
    assert live.spawned == []


def test_a_resume_from_a_step_needs_a_recognised_checkpoint_of_it(live: World) -> None:
    log = CommitLog(live.records, 1, "b", clock=live.clock)
    log.fence(lambda records: 0)
    log.append_commit(2, "s2")
    end(live)
    odd, wrong, right = (live.ask(Verb.RESUME, from_step=step) for step in ("2", 3, 2))
    live.look()
    assert (live.outcome(odd) or ("", ""))[1].startswith("from_step is '2'; allowed is")
    state, detail = live.outcome(wrong) or ("", "")
    assert (state, "3" in detail) == ("refused", True)
    assert (live.outcome(right) or ("",))[0] == "done"
    assert live.spawned[0][2]["from_step"] == 2
    assert keys.spawn(2) in live.records.entries


def test_a_finished_run_is_resumed_only_for_more_steps(live: World) -> None:
    trainer(live).steps(4, 20)
    end(live, "SUCCEEDED", step=20)
    done, more = live.ask(Verb.RESUME), live.ask(Verb.RESUME, config=CONFIG.to_json() | {"steps": 40})
    live.look()
    assert (live.outcome(done) or ("",))[0] == "refused"
    assert (live.outcome(more) or ("",))[0] == "done"


def test_an_error_nobody_foresaw_fails_its_intent_and_no_other(
    live: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(task_id: str) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(live, "stop_container", fail)
    broken, good = live.ask(Verb.PREEMPT), live.ask(Verb.SPAWN, "r8")
    live.look()
    assert live.outcome(broken) == ("failed", "ZeroDivisionError: oh")
    assert (live.outcome(good) or ("",))[0] == "done"


def test_who_asked_for_a_preemption_stands_in_the_runs_records_and_no_trainer_takes_it(live: World) -> None:
    intent = live.ask(Verb.PREEMPT, attempt=1)
    live.look()
    assert live.stopped == ["ta-1"]
    ((_, sent),) = read_sent(live.records)
    assert sent is not None
    assert (sent.command.id, sent.command.verb, sent.command.by) == (intent.id, Verb.PREEMPT, "ada")
    assert sent.command.attempt == 1
    assert commands(live) == []


def test_what_colleagues_ask_on_other_hosts_is_seen_once_and_ours_is_not_said_again(live: World) -> None:
    theirs = Command(
        id="in-bob", verb=Verb.CHECKPOINT, attempt=1, expires_at=live.now + 60, by="bob", host="jump-2"
    )
    send(live.records, theirs, clock=live.clock)
    live.ask(Verb.CHECKPOINT, attempt=1)
    live.look(later=6.0)
    for _ in range(3):
        live.restart()
        live.look(later=6.0)
    said = [row.event for row in live.reader.events(RUN, types=["intent.sent"])]
    assert sorted(event.data["by"] for event in said) == ["ada", "bob"]
    assert next(e.data for e in said if e.data["by"] == "bob") == {
        "id": "in-bob",
        "verb": "checkpoint",
        "by": "bob",
        "host": "jump-2",
    }


def test_a_record_that_cannot_be_read_is_passed_over(live: World) -> None:
    live.records.put(keys.command(1), b"not json")
    intent = live.ask(Verb.CHECKPOINT, attempt=1)
    for _ in range(3):
        live.look(later=6.0)
    assert [command.id for command in commands(live)] == [intent.id]
    assert [row.event.data["by"] for row in live.reader.events(RUN, types=["intent.sent"])] == ["ada"]
