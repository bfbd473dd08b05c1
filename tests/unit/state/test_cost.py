"""GPU time and money are those of the attempts, and no price is ever made up."""

import pytest
from story import Story

from remote.vocabulary.run_states import EndCause, RunState
from tui_app.state.cost import Prices, at_stake, gpu_time, so_far
from tui_app.state.view import AttemptView, CommitView, RunView

NOW = 10_000.0
PRICED = Prices({"h100": 3.6, "A100-80GB": 2.0}, "USD")


def attempt(number: int, claimed_at: float, ended_at: float | None, boot: float | None = 60.0) -> AttemptView:
    cause = None if ended_at is None else EndCause.PREEMPTED_KILLED
    return AttemptView(
        number=number, claimed_at=claimed_at, ended_at=ended_at, boot_seconds=boot, cause=cause
    )


def view(*attempts: AttemptView, gpus: int | None = 8, **more: object) -> RunView:
    about = {"state": RunState.RUNNING, "gpu_requested": "H100:8", "gpu_count": gpus, "step": 14, **more}
    return RunView(run="r7", attempts=attempts, **about)  # type: ignore[arg-type]


def committed(step: int, t: float) -> tuple[CommitView, ...]:
    return (CommitView(step=step, name="x", position=1, bytes=1, seconds=0.1, tries=1, t=t, attempt=2),)


def test_every_attempt_is_paid_from_its_boot_to_its_end_and_the_newest_until_now() -> None:
    run = view(attempt(1, NOW - 1000, NOW - 600), attempt(2, NOW - 500, None))
    cost = so_far(run, NOW, PRICED)
    assert cost.seconds == 8 * (400 + 60 + 500 + 60)
    assert cost.money == pytest.approx(8 * 1020 / 3600 * 3.6)
    assert cost.words == "8.16 USD · 2.3 GPU h"


def test_an_attempt_that_never_said_its_end_is_paid_until_the_next_one() -> None:
    run = view(attempt(1, NOW - 1000, None, 0.0), attempt(2, NOW - 500, None, 0.0))
    assert so_far(run, NOW, PRICED).seconds == 8 * 1000


def test_an_ended_run_costs_no_more() -> None:
    run = view(attempt(1, NOW - 1000, None, 0.0), state=RunState.STOPPED, state_since=NOW - 900)
    assert so_far(run, NOW, PRICED).seconds == so_far(run, NOW + 999, PRICED).seconds == 8 * 100
    assert not at_stake(run, NOW, PRICED).is_something


def test_without_a_price_the_time_is_said_and_which_price_is_missing() -> None:
    cost = so_far(view(attempt(1, NOW - 900, None, 0.0)), NOW, Prices())
    assert (cost.money, cost.paid) == (None, "")
    assert cost.words == "2.0 GPU h, no price for H100 (config: [prices])"


def test_a_cpu_demo_and_gpus_that_were_not_reported_cost_nothing_that_is_made_up() -> None:
    demo = so_far(view(attempt(1, NOW - 900, None), gpus=0, cpu_demo=True), NOW, PRICED)
    assert (demo.seconds, demo.words) == (0.0, "no GPU to pay for (CPU demo)")
    unknown = so_far(view(attempt(1, NOW - 900, None), gpus=None), NOW, PRICED)
    assert (unknown.seconds, unknown.words) == (None, "GPUs not reported yet")
    assert so_far(Story().view, NOW, PRICED).words == "no GPU to pay for"


def test_at_stake_is_what_was_done_since_the_last_commit_of_this_attempt() -> None:
    live = attempt(2, NOW - 500, None, 0.0)
    stake = at_stake(view(live, commits=committed(10, NOW - 90)), NOW, PRICED)
    assert (stake.seconds, stake.paid) == (8 * 90, "0.72 USD")
    earlier = at_stake(view(live, commits=committed(10, NOW - 900)), NOW, PRICED)
    assert earlier.seconds == 8 * 500
    nothing = at_stake(view(live, commits=committed(14, NOW - 90)), NOW, PRICED)
    assert not nothing.is_something


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 GPU s"), (99, "99 GPU s"), (100, "2 GPU min"), (5969, "99 GPU min"), (6000, "1.7 GPU h")],
)
def test_gpu_time_is_said_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert gpu_time(seconds) == words
