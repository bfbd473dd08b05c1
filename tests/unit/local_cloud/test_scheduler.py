"""The state machine of an input, over any order of events."""

import modal
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modal.retries import RetryManager

from remote.local_cloud import scheduler
from remote.local_cloud.scheduler import Gone, InputState, InputStatus, Retry, TransitionError

TASKS = st.sampled_from(["ta-1", "ta-2", "ta-3"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), TASKS),
        st.tuples(st.just("succeed"), TASKS),
        st.tuples(st.just("fail"), TASKS),
        st.tuples(st.just("preempt"), TASKS),
        st.tuples(st.just("crash"), TASKS),
        st.tuples(st.just("finish"), st.just("")),
        st.tuples(st.just("wait"), st.just("")),
    ),
    max_size=60,
)
POLICY = Retry(retries=3, initial_delay=1.0, coefficient=2.0)


def apply(state: InputState, event: str, task: str, now: float) -> InputState:
    match event:
        case "start":
            return scheduler.start(state, task, now)
        case "succeed" | "fail":
            return scheduler.output(state, task, success=event == "succeed", retry=POLICY, now=now)
        case "preempt" | "crash":
            why = Gone.PREEMPTED if event == "preempt" else Gone.CRASHED
            return scheduler.gone(state, task, why, now)
        case "finish":
            return scheduler.finish(state)
    return state


@given(EVENTS)
def test_an_input_never_runs_twice_and_never_leaves_its_end(events):
    state, now = InputState(), 0.0
    for event, task in events:
        now += 100.0 if event == "wait" else 0.1
        try:
            after = apply(state, event, task, now)
        except TransitionError:
            assert event == "start"
            assert not scheduler.startable(state, now)
            continue
        if state.status is InputStatus.RUNNING and after.status is InputStatus.RUNNING:
            assert after.task_id == state.task_id
        if state.status is InputStatus.DONE:
            assert after.status is InputStatus.DONE
        assert (after.task_id is not None) == (after.status is InputStatus.RUNNING) or after.status == "done"
        assert after.retry_count - state.retry_count in (0, 1)
        state = after


@given(EVENTS)
def test_only_failures_of_the_container_that_holds_the_input_use_retries(events):
    state, now = InputState(), 0.0
    for event, task in events:
        now += 100.0
        if event == "start" and not scheduler.startable(state, now):
            continue
        after = apply(state, event, task, now)
        used = after.retry_count - state.retry_count
        assert used == (event == "fail" and state.task_id == task and after.status is InputStatus.DELAYED)
        state = after


@given(
    max_retries=st.integers(1, 10),
    initial=st.integers(1, 60),
    coefficient=st.integers(1, 10),
    most=st.integers(1, 60),
)
def test_delays_are_those_of_modals_own_retry_policy(max_retries, initial, coefficient, most):
    policy = modal.Retries(
        max_retries=max_retries,
        initial_delay=float(initial),
        backoff_coefficient=float(coefficient),
        max_delay=float(most),
    )._to_proto()
    ours = Retry(
        retries=policy.retries,
        initial_delay=policy.initial_delay_ms / 1000,
        coefficient=policy.backoff_coefficient,
        max_delay=policy.max_delay_ms / 1000,
    )
    theirs = RetryManager(policy)
    for k in range(1, max_retries + 1):
        delay = theirs.get_delay_ms()
        assert delay is not None
        assert ours.delay(k) == min(delay / 1000, most)  # the client's own path leaves max_delay out


def test_crashes_in_a_row_wait_longer_and_at_last_end_the_input():
    state, now, waits = InputState(), 0.0, []
    while state.status is not InputStatus.DONE:
        now = max(now, state.due)
        state = scheduler.start(state, "ta-1", now)
        state = scheduler.gone(state, "ta-1", Gone.CRASHED, now)
        waits.append(max(state.due - now, 0.0))
    assert len(waits) == scheduler.CRASHES_ALLOWED
    assert waits[:-1] == sorted(waits[:-1])
    assert waits[0] == 0.0
    assert state.retry_count == 0


def kill(state: InputState, *, after: float, commit: float | None = None) -> InputState:
    """A container takes the input when it is due, publishes a change ``commit`` s later, dies ``after`` s."""
    began = state.due
    state = scheduler.start(state, "ta-1", began)
    if commit is not None:
        state = scheduler.committed(state, "ta-1", began + commit)
    return scheduler.gone(state, "ta-1", Gone.CRASHED, began + after)


@pytest.mark.parametrize("death", [{"after": 5.0, "commit": 2.0}, {"after": 61.0}])
def test_a_training_that_comes_forward_may_be_killed_any_number_of_times(death):
    state = InputState()
    for _ in range(200):
        state = kill(state, **death)
        assert (state.status, state.crashes) == (InputStatus.DELAYED, 1)


@pytest.mark.parametrize(
    "death", [{"after": 0.0}, {"after": 0.5, "commit": 0.4}, {"after": 30.0}, {"after": 59.0, "commit": 0.1}]
)
def test_a_container_that_does_not_come_forward_is_ended_at_last(death):
    """Negative control: nothing published after the first second, and not held for longer than a minute."""
    state = InputState()
    for _ in range(scheduler.CRASHES_ALLOWED - 1):
        state = kill(state, **death)
        assert state.status is InputStatus.DELAYED
    assert kill(state, **death).status is InputStatus.DONE


def test_crashes_before_a_sign_of_life_do_not_count_against_those_after_it():
    state = InputState()
    for _ in range(scheduler.CRASHES_ALLOWED - 1):
        state = kill(state, after=0.1)
    state = kill(state, after=3.0, commit=2.0)
    for _ in range(scheduler.CRASHES_ALLOWED - 2):
        state = kill(state, after=0.1)
    assert state.status is InputStatus.DELAYED
    assert kill(state, after=0.1).status is InputStatus.DONE


def test_a_commit_of_a_container_that_no_longer_holds_the_input_counts_for_nothing():
    state = kill(InputState(), after=0.1)
    assert scheduler.committed(state, "ta-1", 100.0) == state
    state = scheduler.start(state, "ta-2", 100.0)
    assert scheduler.committed(state, "ta-1", 110.0) == state


def test_preemptions_in_any_number_never_end_an_input():
    state = InputState()
    for number in range(100):
        state = scheduler.start(state, f"ta-{number}", 0.0)
        state = scheduler.gone(state, f"ta-{number}", Gone.PREEMPTED, 0.0)
    assert state == InputState()


def test_a_delayed_input_cannot_start_before_it_is_due():
    state = scheduler.start(InputState(), "ta-1", 0.0)
    state = scheduler.output(state, "ta-1", success=False, retry=POLICY, now=0.0)
    with pytest.raises(TransitionError):
        scheduler.start(state, "ta-2", 0.9)
    assert scheduler.start(state, "ta-2", 1.0).task_id == "ta-2"
