"""What the fold promises: the same view however events are repeated or interleaved, and true sums."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import CONFIG, RUN, Story, demo_story, told

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import AttemptPhase, EndCause, FailureReason, RunState, StartKind
from tui_app.state.fold import _HANDLERS, fold
from tui_app.state.view import Gap, NextDrill, RunView

ORDER_OF_ARRIVAL = {"reward_tail", "step_seconds"}


def facts(view: RunView) -> dict[str, object]:
    return {key: value for key, value in msgspec.structs.asdict(view).items() if key not in ORDER_OF_ARRIVAL}


def test_the_demo_adds_up() -> None:
    view = demo_story().view
    assert view.state is RunState.SUCCEEDED
    assert (view.step, view.of, view.committed_step, view.uncommitted_steps) == (250, 250, 250, 0)
    assert (view.retries_used, view.max_retries, view.preemptions) == (1, 3, 1)
    assert view.steps_redone == 4 + 7
    assert (view.commit_count, view.commit_failures, view.committed_lost) == (25, 1, 0)
    assert [attempt.cause for attempt in view.attempts] == [
        EndCause.EXCEPTION,
        EndCause.PREEMPTED_KILLED,
        EndCause.COMPLETED,
    ]
    assert [attempt.steps_redone for attempt in view.attempts] == [0, 4, 7]
    assert (view.gaps, view.backoff, view.drain, view.drills) == ((), None, None, ())


def test_every_prefix_said_twice_changes_nothing() -> None:
    events = demo_story().events
    for cut in range(0, len(events), 37):
        assert told(events[:cut] * 2) == told(events[:cut])


def test_the_whole_story_again_after_its_end_changes_nothing() -> None:
    story = demo_story()
    assert told(story.events, story.view) == story.view


@pytest.mark.parametrize("seed", range(20))
def test_events_in_any_order_lead_to_the_same_facts(seed: int) -> None:
    story = demo_story()
    shuffled = story.events[:1] + random.Random(seed).sample(story.events[1:], len(story.events) - 1)
    assert facts(told(shuffled)) == facts(story.view)


@pytest.mark.parametrize("seed", range(20))
def test_an_unfinished_story_in_any_order_leads_to_the_same_facts(seed: int) -> None:
    chance = random.Random(seed)
    story = demo_story()
    events = story.events[: chance.randrange(2, len(story.events) - 2)]
    shuffled = chance.sample(events, len(events))
    late_commits = facts(told(events))["commit_retry_at"]
    assert {**facts(told(shuffled)), "commit_retry_at": late_commits, "drill_text": ""} == {
        **facts(told(events)),
        "drill_text": "",
    }


@pytest.mark.parametrize("seed", range(10))
def test_sources_that_interleave_otherwise_lead_to_the_same_view(seed: int) -> None:
    chance = random.Random(seed)
    story = demo_story()
    lanes: dict[tuple[int, str], list[Event]] = {}
    for event in story.events:
        lanes.setdefault((event.attempt if event.source != "trainer" else 0, event.source), []).append(event)
    mixed: list[Event] = []
    while any(lanes.values()):
        lane = chance.choice([lane for lane in lanes.values() if lane])
        mixed.append(lane.pop(0))
    assert told(mixed) == story.view


def test_a_naive_fold_would_fail_the_repeats() -> None:
    """Negative control: without recognising repeats, the same story counts its commits twice."""
    story = demo_story()
    forgetful = RunView(run=RUN)
    for event in story.events * 2:
        forgetful = msgspec.structs.replace(fold(forgetful, event), seen={}, gaps=())
    assert forgetful.commit_count == 50


def test_a_hole_is_recorded_split_and_closed() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 7)
    spawned, *trainer = story.events
    view = told([spawned, *trainer[:3], trainer[8]])
    assert view.gaps == (Gap(attempt=1, source="trainer", first=4, last=8),)
    view = fold(view, trainer[5])
    assert view.gaps == (
        Gap(attempt=1, source="trainer", first=4, last=5),
        Gap(attempt=1, source="trainer", first=7, last=8),
    )
    assert view.step == 6
    view = told([trainer[3], trainer[4], trainer[6], trainer[7]], view)
    assert view.gaps == ()
    assert view == told([trainer[4]], view)
    assert view.events == len([spawned, *trainer[:9]])


def test_a_spawned_run_waits_for_its_container() -> None:
    story = Story()
    assert story.view.state is RunState.QUEUED
    story.spawn()
    view = story.view
    assert (view.state, view.phase) == (RunState.STARTING, AttemptPhase.BOOTING)
    assert view.state_since == view.spawned_at == story.t
    assert (view.by, view.host, view.of, view.max_retries) == ("ann", "jump", 250, 3)
    assert (view.gpu_requested, view.gpu_requested_count, view.gpu_count) == ("H100:8", 8, None)
    assert view.drills[0] == NextDrill(kind="exception", step=34)


def test_a_claim_names_the_start_and_the_first_step_makes_it_run() -> None:
    story = Story()
    story.spawn()
    story.say("attempt.claimed", 1, call_id="fc-1", start="warm_spare", boot_seconds=0.02, resumed_from=0)
    view = story.view
    assert (view.state, view.phase) == (RunState.STARTING, AttemptPhase.CLAIMED)
    assert view.attempt is not None
    assert view.attempt.start is StartKind.WARM_SPARE
    story.say("phase.changed", 1, phase="STEPPING")
    stepping_since = story.t
    story.steps(1, 1, 3)
    view = story.view
    assert (view.state, view.state_since) == (RunState.RUNNING, stepping_since)
    assert view.reward_tail == (1 / 250, 2 / 250, 3 / 250)
    assert view.tokens_per_second == 2003.0


def test_backoff_is_shown_until_the_next_claim() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 4)
    story.fail(1, 4, 0)
    view = story.view
    assert view.state is RunState.BACKOFF
    assert view.backoff is not None
    assert (view.backoff.retry, view.backoff.of, view.backoff.delay) == (1, 3, 5.0)
    assert view.backoff.due == story.t + 5.0
    assert view.uncommitted_steps == 4
    story.claim(2, retries_used=1)
    view = story.view
    assert (view.state, view.backoff, view.step, view.retries_used) == (RunState.RUNNING, None, 0, 1)
    assert view.reward_tail == ()


def test_a_preemption_uses_up_no_retry() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 5)
    story.say("drain.started", 1, cause="preempted", deadline=story.t + 30, saving=True, why="")
    assert story.view.state is RunState.PREEMPTING
    assert story.view.drain is not None
    story.commit(1, 5, 2)
    assert story.view.state is RunState.PREEMPTING
    story.say("attempt.ended", 1, cause="preempted_drained", evidence="SIGINT, saved at 5")
    view = story.view
    assert (view.state, view.preemptions, view.retries_used) == (RunState.RECOVERING, 1, 0)
    assert view.drain is None
    story.claim(2, 5, preemptions=1)
    story.steps(2, 6, 8)
    assert (story.view.steps_redone, story.view.preemptions, story.view.step) == (0, 1, 8)


def test_steps_redone_are_counted_as_they_are_redone() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 34)
    story.claim(2, 30)
    assert story.view.steps_redone == 0
    story.steps(2, 31, 32)
    assert story.view.steps_redone == 2
    story.claim(3, 30)
    story.steps(3, 31, 40)
    assert story.view.steps_redone == 2 + 4


def test_a_committed_step_that_is_gone_is_counted() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 20)
    story.commit(1, 10, 2)
    story.commit(1, 20, 3)
    story.claim(2, 10)
    view = story.view
    assert (view.committed_lost, view.committed_step) == (10, 10)


def test_a_commit_that_arrives_after_the_next_claim_counts_the_same() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.commit(1, 10, 2)
    late = len(story.events)
    story.commit(1, 20, 3)
    story.claim(2, 10)
    commit = story.events[late : late + 2]
    others = story.events[:late] + story.events[late + 2 :]
    assert facts(told(others + commit)) == facts(story.view)


def test_going_back_on_request_loses_nothing() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 20)
    story.commit(1, 10, 2)
    story.commit(1, 20, 3)
    story.end(1, "STOPPED", 20)
    story.spawn(2, "fc-2", from_step=10)
    story.claim(2, 10, "fc-2")
    view = story.view
    assert (view.committed_lost, view.committed_step, view.step) == (0, 10, 10)


def test_a_terminal_state_is_final() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 2)
    story.end(1, "FAILED", 2, reason="user_error", detail="no such model")
    story.watcher("run.ended", 1, state="SUCCEEDED", detail="late guess", step=2, committed_step=2)
    story.say("phase.changed", 1, phase="STEPPING")
    view = story.view
    assert (view.state, view.reason) == (RunState.FAILED, FailureReason.USER_ERROR)
    assert (view.detail, view.phase) == ("no such model", AttemptPhase.ENDED)


def test_a_resume_starts_the_run_anew_and_keeps_its_history() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 10)
    story.commit(1, 10, 2)
    story.end(1, "STOPPED", 10)
    story.spawn(2, "fc-2", verb="resume")
    view = story.view
    assert (view.state, view.step, view.committed_step) == (RunState.STARTING, 10, 10)
    assert (view.generation, view.drills[0].step) == (2, 34)
    story.claim(2, 10, "fc-2")
    story.steps(2, 11, 12)
    view = story.view
    assert (view.state, view.step, view.steps_redone) == (RunState.RUNNING, 12, 0)
    assert [attempt.generation for attempt in view.attempts] == [1, 2]


def test_a_claim_that_arrives_before_its_spawn_starts_the_run_anew_too() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.end(1, "STOPPED", 10)
    story.spawn(2, "fc-2")
    spawned = story.events.pop()
    story.claim(2, 10, "fc-2")
    assert story.view.state is RunState.RUNNING
    view = told([*story.events, spawned])
    assert (view.state, view.generation, view.call_id) == (RunState.RUNNING, 2, "fc-2")


def test_an_older_calls_end_does_not_end_the_new_one() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.say("run.ended", 1, state="STOPPED", detail="")
    ended = story.events.pop()
    story.spawn(2, "fc-2")
    assert told([*story.events, ended]).state is RunState.STARTING


def test_a_call_that_dies_before_its_claim_ends_the_run() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.end(1, "STOPPED", 10)
    story.spawn(2, "fc-2")
    story.watcher("run.ended", 1, state="FAILED", reason="setup_error", detail="INIT_FAILURE", inferred=True)
    assert (story.view.state, story.view.reason) == (RunState.FAILED, FailureReason.SETUP_ERROR)


def test_an_attempts_own_last_word_beats_what_was_inferred() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.watcher("attempt.ended", 1, cause="killed_unknown", evidence="attempt 2 claimed", inferred=True)
    story.say("attempt.ended", 1, cause="oom", evidence="MemoryError")
    for events in (story.events, [*story.events[:-2], *reversed(story.events[-2:])]):
        attempt = told(events).attempt
        assert attempt is not None
        assert (attempt.cause, attempt.inferred) == (EndCause.OOM, False)


def test_a_failed_commit_is_open_until_one_goes_through() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.say("volume.commit_failed", 1, step=10, name="x", error="no", retry_in=1.0)
    assert story.view.commit_retry_at == story.t + 1.0
    story.commit(1, 10, 2)
    assert (story.view.commit_retry_at, story.view.commit_failures) == (None, 1)


def test_an_operators_stop_is_a_drain() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 2)
    story.say("command.received", 1, id="i1", verb="stop")
    assert story.view.state is RunState.STOPPING


def test_an_announced_drill_is_shown_until_it_has_happened() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.say("drill.announced", 1, kind="exception", at_step=34, text="step 34 will fail on purpose")
    assert story.view.drill_text == "step 34 will fail on purpose"
    story.say("drill.executed", 1, kind="exception", at_step=34)
    assert story.view.drill_text == ""
    assert [drill.step for drill in story.view.drills] == [77, 100]


def test_a_diverged_loss_survives_being_stored() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.say("step.completed", 1, step=1, of=9, metrics={"loss": "NaN", "reward/mean": "NaN", "bad name": 1})
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(story.view), type=RunView)
    assert str(stored.metrics) == "{'loss': nan, 'reward/mean': nan}"
    assert stored.reward_tail == ()


def test_unknown_types_other_runs_and_strange_values_are_ignored() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    before = story.view
    story.say("moon.landed", 1, step=9)
    story.say("step.completed", 1, step="ten", of=None, metrics=[1])
    story.say("volume.committed", 1, step=2**70, position=-1)
    story.say("phase.changed", 1, phase="DANCING")
    story.say("attempt.ended", 1, cause="bored")
    story.say("run.ended", 1, state="RUNNING")
    view = story.view
    assert view.events == before.events + 6
    assert (view.state, view.step, view.commits) == (before.state, 0, ())
    assert fold(view, msgspec.structs.replace(story.events[0], run="other", seq=99)) is view


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    [
        *(p.value for p in AttemptPhase),
        *(c.value for c in EndCause),
        *(s.value for s in RunState),
        "stop",
        "fc-1",
    ]
)
FIELD_NAMES = st.sampled_from(
    sorted(
        {name for event in demo_story().events for name in event.data}
        | {"generation", "from_step", "inferred", "due", "reason", "cause", "phase", "grace"}
    )
)
EVENTS = st.builds(
    Event,
    run=st.just(RUN),
    attempt=st.integers(-1, 5),
    source=st.sampled_from(["trainer", "watcher:w1", ""]),
    seq=st.integers(-1, 12),
    t=st.floats(),
    mono=st.floats(),
    type=st.sampled_from([*_HANDLERS, "odd.thing"]),
    sev=st.integers(0, 20),
    data=st.dictionaries(FIELD_NAMES, st.integers(0, 60) | WORDS | JSON | st.just(CONFIG), max_size=8),
)


@given(st.lists(EVENTS, max_size=25))
@settings(max_examples=200, deadline=None)
def test_no_event_breaks_the_fold_or_what_it_stores(events: list[Event]) -> None:
    view = told(events)
    assert told(events, view) == view or any(map(has_nan, (view,)))
    stored = msgspec.msgpack.encode(view)
    assert msgspec.msgpack.encode(msgspec.msgpack.decode(stored, type=RunView)) == stored
    assert view.uncommitted_steps >= 0
    assert view.steps_redone >= 0


def has_nan(view: RunView) -> bool:
    return "nan" in repr(view)


def test_the_newest_sample_of_the_newest_attempt_is_what_the_gpus_do_in_any_order() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    for attempt, used in ((1, 10.0), (1, 20.0), (2, 30.0)):
        story.say("host.sampled", attempt, gpu=[{"memory": 1e9, "utilisation": used}, {"memory": "full"}])
    story.say("host.sampled", 2, cpu_percent=3.0)
    view = story.view
    assert view.gpu_load is not None
    assert (view.gpu_load.attempt, [gpu.utilisation for gpu in view.gpu_load.gpus]) == (2, [30.0, None])
    assert view.gpu_load.gpus[1].memory is None
    for seed in range(10):
        shuffled = story.events[:1] + random.Random(seed).sample(story.events[1:], len(story.events) - 1)
        assert told(shuffled).gpu_load == view.gpu_load
