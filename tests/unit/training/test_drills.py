"""Rehearsed faults: announced, real, once in a run's life."""

import time
from pathlib import Path

import pytest
from training_ports import Run, config

from remote.training.drills import PREEMPT_DRILL_GRACE_SECONDS
from remote.training.errors import DrillError


def drilled(root: Path, *drills: tuple[str, int]) -> Run:
    return Run(root, config(drills=[{"kind": kind, "step": step} for kind, step in drills]))


def test_an_exception_comes_after_its_step_and_before_that_steps_checkpoint(tmp_path: Path) -> None:
    run = drilled(tmp_path / "c", ("exception", 4))
    with pytest.raises(DrillError, match="step 4 failed on purpose"):
        run.session().run()
    assert max(run.recorder.losses()) == 4
    assert [data["step"] for data in run.recorder.all("volume.committed")] == [2]
    assert run.recorder.one("drill.executed") == {"kind": "exception", "at_step": 4}


def test_a_drill_happens_once_in_the_life_of_a_run_and_is_announced_once(tmp_path: Path) -> None:
    run = drilled(tmp_path / "c", ("exception", 4))
    session = run.session()
    with pytest.raises(DrillError):
        session.run()
    announced = run.recorder.one("drill.announced")
    assert (announced["kind"], announced["at_step"]) == ("exception", 4)
    assert announced["in_steps"] >= 1
    assert announced["text"] == "step 4 will fail on purpose"
    order = run.recorder.types()
    assert order.index("drill.announced") < order.index("drill.executed")

    assert run.session(retries_used=1).run().state == "SUCCEEDED"
    assert not {"drill.announced", "drill.executed"} & set(run.recorder.types())


def test_a_preemption_is_a_real_interrupt_with_too_little_time_to_save(tmp_path: Path) -> None:
    run = drilled(tmp_path / "c", ("preempt", 5))

    def commit_slowly() -> None:
        run.checkpoints.during_commit = commit_slowly
        time.sleep(PREEMPT_DRILL_GRACE_SECONDS)

    run.checkpoints.during_commit = commit_slowly
    session = run.session(sleep=time.sleep)

    def await_commit() -> None:
        """A save that is still on its way would be finished."""
        deadline = time.monotonic() + 30
        while all(each["step"] != 4 for each in run.recorder.all("volume.committed")):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    run.recorder.on("step.completed", await_commit, step=5)
    with pytest.raises(KeyboardInterrupt):
        session.run()
    drain, ended = run.recorder.one("drain.started"), run.recorder.one("attempt.ended")
    assert (drain["saving"], drain["grace"]) == (False, PREEMPT_DRILL_GRACE_SECONDS)
    assert drain["why"] == "1 step after committed step 4 will be redone"
    assert (ended["cause"], ended["step"], ended["committed_step"]) == ("preempted_killed", 5, 4)
    assert run.session().run().state == "SUCCEEDED"
    assert min(run.recorder.losses()) == 5


def test_a_preemption_that_never_comes_lets_the_run_go_on(tmp_path: Path) -> None:
    run = drilled(tmp_path / "c", ("preempt", 5))
    run.platform.preempt_me = lambda grace: True  # type: ignore[method-assign]
    assert run.session().run().state == "SUCCEEDED"


def test_a_commit_fails_once_and_goes_through_on_the_next_try(tmp_path: Path) -> None:
    run = drilled(tmp_path / "c", ("commit_failure", 4))
    run.session().run()
    assert [data["step"] for data in run.recorder.all("volume.commit_failed")] == [4]
    assert {data["step"]: data["tries"] for data in run.recorder.all("volume.committed")} == {
        2: 1,
        4: 2,
        6: 1,
    }


def test_what_the_platform_cannot_do_is_skipped_and_said(tmp_path: Path) -> None:
    run = drilled(tmp_path / "c", ("commit_failure", 2), ("preempt", 3))
    run.platform.able = False
    assert run.session().run().state == "SUCCEEDED"
    skipped = [d["kind"] for d in run.recorder.all("drill.announced") if "skipped" in d["text"]]
    assert skipped == ["commit_failure", "preempt"]
    assert run.recorder.all("drill.executed") == []


def test_a_drill_of_the_first_step_is_announced_before_it(tmp_path: Path) -> None:
    run = drilled(tmp_path / "c", ("exception", 1))
    with pytest.raises(DrillError):
        run.session().run()
    order = run.recorder.types()
    assert order.index("drill.announced") < order.index("step.completed")
