"""Each rule is raised by what it is for, names its evidence, and does not flap."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import Story, demo_story, live_story

from remote.vocabulary.events import Event
from tui_app.state.alert_book import Alert, AlertBook
from tui_app.state.alert_rules import RULES
from tui_app.state.alert_terms import AlertSeverity
from tui_app.state.alerts import acknowledge, snooze, update
from tui_app.state.fold import fold
from tui_app.state.view import RunView


class Watch:
    """A story with its alerts: how often each rule was raised, and what stands."""

    def __init__(self, story: Story) -> None:
        self.story, self.view, self.book = story, RunView(run="r7"), AlertBook()
        self.raised: list[str] = []
        self._told = 0
        self.catch_up()

    def catch_up(self) -> "Watch":
        for event in self.story.events[self._told :]:
            self._take(event, event.t, event.t)
        self._told = len(self.story.events)
        return self

    def tick(self, now: float, sign_at: float | None = None) -> "Watch":
        self._take(None, now, sign_at)
        return self

    def step(self, number: int, **metrics: float) -> "Watch":
        named = {name.replace("reward_mean", "reward/mean"): value for name, value in metrics.items()}
        data: dict[str, Any] = {"step_seconds": 0.25, **named}
        self.story.say("step.completed", 1, after=0.25, step=number, of=10_000, metrics=data)
        return self.catch_up()

    def _take(self, event: Event | None, now: float, sign_at: float | None) -> None:
        if event is not None:
            self.view = fold(self.view, event)
        before = self.book.alerts
        self.book = update(self.book, self.view, event, now, sign_at)
        self.raised += [rule for rule in self.book.alerts if rule not in before]

    @property
    def standing(self) -> list[str]:
        return [alert.rule for alert in self.book.active]


def begun(**config: Any) -> Watch:
    story = Story()
    story.spawn(config={"checkpoint_interval": 100_000, "grad_clip": 1.0, **config})
    story.claim(1)
    return Watch(story)


def test_the_demo_with_its_three_faults_raises_no_alert() -> None:
    assert Watch(demo_story()).raised == []


def test_a_loss_that_is_not_a_number_is_critical_and_says_what_is_safe() -> None:
    watch = Watch(live_story())
    watch.step(15, loss=math.nan)
    (alert,) = watch.book.active
    assert (alert.rule, alert.severity, alert.key) == ("not_finite", AlertSeverity.CRITICAL, "x")
    assert alert.text == "loss NaN at step 15"
    assert alert.evidence == "loss NaN; last commit is step 10"
    assert alert.since == watch.story.t
    for step in range(16, 20):
        assert watch.step(step, loss=0.1).standing == ["not_finite"]
    assert watch.step(20, loss=0.1).standing == []


def test_a_reward_that_loses_half_of_its_gain_has_collapsed() -> None:
    watch = begun()
    for step in range(1, 101):
        watch.step(step, reward_mean=min(0.9, step / 50))
    assert watch.raised == []
    for step in range(101, 121):
        watch.step(step, reward_mean=0.1)
    (alert,) = watch.book.active
    assert alert.rule == "reward_collapse"
    assert alert.text.startswith("reward fell from 0.9 to ")


@pytest.mark.parametrize(
    ("metric", "usual", "high", "rule", "looks"),
    [("mismatch_kl", 0.02, 0.5, "kl_blow_up", 2), ("grad_norm", 0.5, 8.0, "grad_norm_spike", 1)],
)
def test_a_metric_far_above_its_own_median_is_raised_and_does_not_become_normal(
    metric: str, usual: float, high: float, rule: str, looks: int
) -> None:
    watch = begun()
    for step in range(1, 41):
        watch.step(step, **{metric: usual})
    for step in range(41, 41 + looks):
        assert watch.standing == []
        watch.step(step, **{metric: high})
    assert watch.standing == [rule]
    assert f"median of 32 steps is {usual:g}" in watch.book.active[0].evidence
    for step in range(50, 150):
        watch.step(step, **{metric: high})
    assert watch.standing == [rule]
    for step in range(150, 171):
        watch.step(step, **{metric: usual})
    assert (watch.standing, watch.raised) == ([], [rule])


def test_a_small_gradient_that_grows_is_no_spike_below_the_clip() -> None:
    watch = begun()
    for step in range(1, 41):
        watch.step(step, grad_norm=0.01)
    assert watch.step(41, grad_norm=1.5).standing == []


def test_entropy_may_fall_to_nothing_only_if_something_was_learned() -> None:
    learning, stuck = begun(), begun()
    for step in range(1, 61):
        entropy = 2.0 * 0.9**step
        learning.step(step, entropy=entropy, reward_mean=step / 60)
        stuck.step(step, entropy=entropy, reward_mean=0.1)
    assert (learning.standing, stuck.standing) == ([], ["entropy_collapse"])


def test_a_stall_is_measured_against_the_runs_own_steps() -> None:
    watch = Watch(live_story())
    t = watch.story.events[-3].t
    assert watch.tick(t + 14.0, t + 14.0).standing == []
    assert watch.tick(t + 16.0, t + 16.0).standing == ["step_stall"]
    assert "a step takes 0.25 s here (median of 14)" in watch.book.active[0].evidence
    for step in range(15, 18):
        watch.step(step)
    assert watch.standing == []


def test_a_slow_run_is_not_stalled_by_a_fast_ones_measure() -> None:
    watch = begun()
    for step in range(1, 11):
        watch.story.say("step.completed", 1, after=60.0, step=step, of=20, metrics={"step_seconds": 60.0})
    t = watch.catch_up().story.t
    assert watch.tick(t + 590.0, t + 590.0).standing == []
    assert watch.tick(t + 610.0, t + 610.0).standing == ["step_stall"]


def test_a_checkpoint_under_way_is_no_stall() -> None:
    watch = Watch(live_story())
    watch.story.say("phase.changed", 1, phase="COMMITTING")
    t = watch.catch_up().story.t
    assert watch.tick(t + 100.0, t + 100.0).standing == []


def test_uncommitted_steps_beyond_two_intervals_lag_and_name_the_error() -> None:
    watch = begun(checkpoint_interval=10)
    watch.story.say("volume.commit_failed", 1, step=10, name="s", error="disk quota", **{"try": 1})
    for step in range(1, 22):
        watch.step(step)
    (alert,) = watch.book.active
    assert (alert.rule, alert.key) == ("commit_lag", "c")
    assert alert.evidence == "nothing has been committed; a commit was due every 10 steps; disk quota"
    watch.story.commit(1, 20, 1)
    assert watch.catch_up().standing == []


def test_failures_in_a_row_without_a_commit_are_a_crash_loop_and_use_up_the_retries() -> None:
    watch = begun()
    for attempt in (1, 2, 3):
        if attempt > 1:
            watch.story.claim(attempt, 0, retries_used=attempt - 1)
        watch.story.steps(attempt, 1, 3)
        watch.story.fail(attempt, 3, 0, retry=attempt)
        watch.catch_up()
        expected = {1: [], 2: ["backoff_near_exhaustion", "crash_loop"]}
        expected[3] = ["backoff_near_exhaustion", "crash_loop"]
        assert watch.standing == expected[attempt]
    assert watch.book.alerts["backoff_near_exhaustion"].text == "no retry is left: the next failure ends it"
    assert watch.book.alerts["crash_loop"].severity is AlertSeverity.CRITICAL
    assert "DrillError: on purpose" in watch.book.alerts["crash_loop"].evidence
    watch.story.end(3, "FAILED", 3, reason="retries_exhausted", detail="DrillError")
    assert watch.catch_up().standing == ["failed"]
    watch.story.spawn(2, "fc-2", verb="resume")
    assert watch.catch_up().standing == []


def test_gpus_are_compared_with_what_was_asked_for_but_not_in_the_cpu_demo() -> None:
    watch = begun()
    watch.story.say("gpu.found", 1, requested="H100:8", requested_count=8, count=0, cpu_demo=True)
    assert watch.catch_up().standing == []
    watch.story.say("gpu.found", 1, requested="H100:8", requested_count=8, count=7, cpu_demo=False)
    assert watch.catch_up().book.active[0].text == "7 of 8 GPUs are present"


def test_a_disk_that_holds_few_checkpoints_more_is_filling() -> None:
    watch = begun()
    watch.story.say("host.sampled", 1, disk_free=2_000_000_000)
    assert watch.catch_up().standing == []
    watch.story.say("host.sampled", 1, disk_free=900_000_000)
    assert watch.catch_up().standing == ["disk_filling"]


def test_a_live_attempt_without_a_sign_of_life_is_silent_and_a_waiting_run_is_not() -> None:
    watch = Watch(live_story())
    watch.story.say("phase.changed", 1, phase="COMMITTING")
    t = watch.catch_up().story.t
    assert watch.tick(t + 59.0, t).standing == []
    assert watch.tick(t + 61.0, t).standing == ["silent"]
    for later in (62.0, 72.0, 91.0):
        assert watch.tick(t + later, t + later).standing == ["silent"]
    assert watch.tick(t + 93.0, t + 93.0).standing == []
    watch.story.fail(1, 14, 10)
    assert watch.catch_up().tick(t + 500.0, t).standing == []


def test_an_end_that_is_old_news_is_no_alert() -> None:
    story = live_story()
    story.end(1, "FAILED", 14, reason="retries_exhausted", detail="DrillError")
    view, book = RunView(run="r7"), AlertBook()
    for event in story.events:
        view = fold(view, event)
        book = update(book, view, event, event.t + 3600.0, event.t)
    assert book.active == ()


def test_acknowledged_and_snoozed_alerts_stand_but_are_not_loud() -> None:
    watch = Watch(live_story())
    watch.step(15, loss=math.inf)
    now = watch.story.t
    seen = acknowledge(watch.book, "not_finite", "ada")
    assert not seen.active[0].is_loud(now)
    later = snooze(watch.book, "not_finite", now + 60.0)
    assert [later.active[0].is_loud(now + wait) for wait in (59.0, 61.0)] == [False, True]
    assert acknowledge(watch.book, "silent", "ada") == watch.book
    watch.book = seen
    watch.step(16, loss=math.nan)
    assert watch.book.active[0].acknowledged_by == "ada"


def test_a_book_can_be_stored_and_read_back() -> None:
    watch = Watch(live_story())
    watch.step(15, loss=math.inf, grad_norm=3.0)
    stored = msgspec.msgpack.encode(watch.book)
    assert msgspec.msgpack.decode(stored, type=AlertBook) == watch.book
    assert isinstance(watch.book.active[0], Alert)


def test_every_rule_says_in_words_what_it_is() -> None:
    for rule in RULES.values():
        assert rule.words.endswith(".")
        assert rule.key in ("enter", "x", "c", "r")


SHAKE = st.lists(st.floats(0.9, 1.1), min_size=40, max_size=120)


@settings(max_examples=40, deadline=None)
@given(shake=SHAKE, metric=st.sampled_from([("mismatch_kl", 0.02), ("grad_norm", 0.5)]))
def test_a_metric_that_hovers_at_its_bound_raises_at_most_one_alert(
    shake: list[float], metric: tuple[str, float]
) -> None:
    name, usual = metric
    watch = begun()
    for step in range(1, 33):
        watch.step(step, **{name: usual})
    for step, factor in enumerate(shake, 33):
        watch.step(step, **{name: 10.0 * usual * factor})
    assert len(watch.raised) <= 1


@settings(max_examples=40, deadline=None)
@given(shake=SHAKE)
def test_a_reward_that_hovers_at_its_bound_raises_at_most_one_alert(shake: list[float]) -> None:
    watch = begun()
    for step in range(1, 51):
        watch.step(step, reward_mean=step / 50)
    middle = (watch.book.memory.reward_best or 0) / 2 + (watch.book.memory.reward_first or 0) / 2
    for step, factor in enumerate(shake, 51):
        watch.step(step, reward_mean=middle * factor)
    assert len(watch.raised) <= 1


@settings(max_examples=40, deadline=None)
@given(pauses=st.lists(st.floats(0.8, 1.2), min_size=5, max_size=40))
def test_signs_of_life_that_hover_at_the_bound_raise_at_most_one_alert(pauses: list[float]) -> None:
    watch = Watch(live_story())
    watch.story.say("phase.changed", 1, phase="COMMITTING")
    sign = watch.catch_up().story.t
    for pause in pauses:
        for tenth in range(1, 121):
            if tenth <= pause * 100:
                watch.tick(sign + tenth * 0.6, sign)
        sign += pause * 60.0
    assert len(watch.raised) <= 1


@settings(max_examples=40, deadline=None)
@given(frees=st.lists(st.integers(900_000_000, 1_100_000_000), min_size=5, max_size=60))
def test_free_space_that_hovers_at_the_bound_raises_at_most_one_alert(frees: list[int]) -> None:
    watch = begun()
    for free in frees:
        watch.story.say("host.sampled", 1, disk_free=free)
    assert watch.catch_up().raised in ([], ["disk_filling"])
