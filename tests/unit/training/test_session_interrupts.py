"""A real SIGINT at every kind of place: right cause, nothing committed lost, the same run afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from training_ports import TINY, ProbedLearner, Run, config, interrupt_now

from remote.training.learner import Learner
from remote.vocabulary.run_config import RunConfig


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole") / "c")
    run.session().run()
    return run


def interrupted_at(run: Run, place: str, step: int, hook: Callable[[], None] = interrupt_now) -> None:
    """Run an attempt that is interrupted at this place of this step, and that lets it out."""
    before = signal.getsignal(signal.SIGINT)
    if place in ("rollout", "update"):
        session = run.session(lambda c: ProbedLearner(c, place, step, hook))
    else:
        session = run.session()
    if place == "boundary":
        run.recorder.on("step.completed", hook, step=step)
    if place in ("save", "commit"):
        run.recorder.on(
            "step.completed", lambda: setattr(run.checkpoints, f"during_{place}", hook), step=step
        )
    with pytest.raises(KeyboardInterrupt):
        session.run()
    assert signal.getsignal(signal.SIGINT) is before


# place, the step it is in, the step that is committed at the end
PLACES = [("boundary", 3, 3), ("rollout", 4, 3), ("update", 4, 4)]


@pytest.mark.parametrize(("place", "step", "kept"), PLACES)
def test_with_time_to_save_a_preemption_costs_no_step(
    tmp_path: Path, uninterrupted: Run, place: str, step: int, kept: int
) -> None:
    run = Run(tmp_path / "c")
    interrupted_at(run, place, step)
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["step"], ended["committed_step"]) == ("preempted_drained", kept, kept)
    assert ended["evidence"].startswith("SIGINT, 30 s of grace")
    drain = run.recorder.one("drain.started")
    assert (drain["cause"], drain["grace"]) == ("preempted", 30.0)
    assert drain["saving"] is True
    assert run.recorder.flushed == len(run.recorder.events)
    assert "run.ended" not in run.recorder.types()
    assert_the_rest_is_the_same(run, uninterrupted, first_again=kept + 1)


@pytest.mark.parametrize("place", ["save", "commit"])
def test_a_preemption_during_a_checkpoint_lets_it_be_finished(
    tmp_path: Path, uninterrupted: Run, place: str
) -> None:
    run = Run(tmp_path / "c")
    interrupted_at(run, place, 4)
    ended = run.recorder.one("attempt.ended")
    assert ended["cause"] == "preempted_drained"
    assert ended["step"] == ended["committed_step"] >= 4
    assert run.recorder.one("drain.started")["cause"] == "preempted"
    again = ended["step"] + 1
    if again <= TINY.steps:
        assert_the_rest_is_the_same(run, uninterrupted, first_again=again)


@pytest.mark.parametrize(("place", "step", "done"), [("boundary", 3, 3), ("rollout", 4, 3), ("update", 4, 3)])
def test_without_time_to_save_the_steps_to_redo_are_counted(
    tmp_path: Path, uninterrupted: Run, place: str, step: int, done: int
) -> None:
    run = Run(tmp_path / "c", config(grace_seconds=0.2))
    interrupted_at(run, place, step)
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["step"], ended["committed_step"]) == ("preempted_killed", done, 2)
    assert f"{done - 2} step after committed step 2 will be redone" in ended["evidence"]
    assert run.recorder.one("drain.started")["saving"] is False
    assert_the_rest_is_the_same(run, uninterrupted, first_again=3)


def assert_the_rest_is_the_same(run: Run, uninterrupted: Run, *, first_again: int) -> None:
    before = run.recorder.losses()
    run.session().run()
    after = run.recorder.losses()
    assert min(after) == first_again
    assert before | after == uninterrupted.recorder.losses()
    assert {s: v for s, v in before.items() if s in after} == {s: after[s] for s in before if s in after}
    assert run.checkpoints.newest_bytes() == uninterrupted.checkpoints.newest_bytes()


def test_a_resume_that_forgets_the_random_numbers_is_seen(tmp_path: Path, uninterrupted: Run) -> None:
    class Forgetful(Learner):
        def load(self, path: Path) -> list[str]:
            fresh = self._finished.generators
            differs = super().load(path)
            self._generators.restore(fresh)
            return differs

    run = Run(tmp_path / "c")
    interrupted_at(run, "boundary", 3)
    run.session(Forgetful).run()
    wanted = {step: loss for step, loss in uninterrupted.recorder.losses().items() if step > 3}
    assert run.recorder.losses() != wanted


def test_an_interrupt_while_the_model_loads_leaves_at_once(tmp_path: Path) -> None:
    def slow(config: RunConfig) -> Learner:
        interrupt_now()
        raise AssertionError("the interrupt should have come before this")

    run = Run(tmp_path / "c")
    with pytest.raises(KeyboardInterrupt):
        run.session(slow).run()
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["step"]) == ("preempted_drained", 0)


def test_an_interrupt_while_a_resume_loads_does_not_forget_what_is_committed(tmp_path: Path) -> None:
    def slow(config: RunConfig) -> Learner:
        interrupt_now()
        raise AssertionError("the interrupt should have come before this")

    run = Run(tmp_path / "c")
    interrupted_at(run, "boundary", 3)
    with pytest.raises(KeyboardInterrupt):
        run.session(slow).run()
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["step"], ended["committed_step"]) == ("preempted_drained", 3, 3)
    assert ended["evidence"].endswith("step 3 is committed, no step will be redone")


def test_a_second_interrupt_cuts_the_save_short(tmp_path: Path, uninterrupted: Run) -> None:
    def twice() -> None:
        run.checkpoints.during_save = interrupt_now
        interrupt_now()

    run = Run(tmp_path / "c")
    interrupted_at(run, "boundary", 3, twice)
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["committed_step"]) == ("preempted_killed", 2)
    assert run.recorder.one("drain.started")["saving"] is True
    assert_the_rest_is_the_same(run, uninterrupted, first_again=3)


def test_when_no_safe_point_comes_the_last_words_are_said_in_time(tmp_path: Path) -> None:
    def hang_after_interrupt() -> None:
        interrupt_now()
        while True:
            time.sleep(0.01)

    run = Run(tmp_path / "c", config(grace_seconds=1.5))
    interrupted_at(run, "update", 4, hang_after_interrupt)
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["step"], ended["committed_step"]) == ("preempted_killed", 3, 2)


def test_a_commit_that_fails_while_draining_is_tried_again_at_once(tmp_path: Path) -> None:
    def interrupt_with_a_bad_volume() -> None:
        run.checkpoints.commits_to_fail = 2
        interrupt_now()

    run = Run(tmp_path / "c")
    interrupted_at(run, "boundary", 3, interrupt_with_a_bad_volume)
    assert run.recorder.one("attempt.ended")["cause"] == "preempted_drained"
    assert run.recorder.all("volume.committed")[-1]["tries"] == 3


def test_a_drain_that_cannot_commit_says_what_is_lost(tmp_path: Path) -> None:
    def interrupt_with_a_dead_volume() -> None:
        run.checkpoints.commits_to_fail = 9
        interrupt_now()

    run = Run(tmp_path / "c")
    interrupted_at(run, "boundary", 3, interrupt_with_a_dead_volume)
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["committed_step"]) == ("preempted_killed", 2)


def test_a_disk_error_while_draining_is_said_and_the_interrupt_goes_on(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    def interrupt_with_a_full_disk() -> None:
        run.checkpoints.during_save = full
        interrupt_now()

    run = Run(tmp_path / "c")
    interrupted_at(run, "boundary", 3, interrupt_with_a_full_disk)
    assert "No space left" in run.recorder.one("exception.raised")["message"]
    assert run.recorder.one("attempt.ended")["cause"] == "preempted_killed"


def test_an_attempt_that_finds_itself_fenced_while_draining_says_so(tmp_path: Path) -> None:
    def interrupt_behind_a_fence() -> None:
        run.checkpoints.fenced = True
        interrupt_now()

    run = Run(tmp_path / "c")
    interrupted_at(run, "boundary", 3, interrupt_behind_a_fence)
    assert run.recorder.one("attempt.ended")["cause"] == "fenced"


def test_an_interrupt_that_arrives_with_an_exception_lets_the_exception_be_said(tmp_path: Path) -> None:
    run = Run(tmp_path / "c", config(drills=[{"kind": "exception", "step": 3}]))
    session = run.session()
    run.recorder.on("exception.raised", interrupt_now)
    with pytest.raises(RuntimeError, match="on purpose"):
        session.run()
    assert run.recorder.one("attempt.ended")["cause"] == "exception"


def test_an_attempt_that_is_interrupted_in_its_last_words_ends_once(tmp_path: Path) -> None:
    def twice() -> None:
        interrupt_now()
        interrupt_now()

    run = Run(tmp_path / "c")
    session = run.session()
    run.recorder.on("run.ended", twice)
    with pytest.raises(KeyboardInterrupt):
        session.run()
    assert run.recorder.one("attempt.ended")["cause"] == "completed"


def test_an_interrupt_after_the_last_step_does_not_undo_the_success(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session()
    run.recorder.on("attempt.ended", interrupt_now)
    assert session.run().state == "SUCCEEDED"


KILLED_IN_A_COMMIT = """
import os, pathlib, signal, sys
from training_ports import Run
run = Run(pathlib.Path(sys.argv[1]))
session = run.session()
run.recorder.on("step.completed", lambda: setattr(
    run.checkpoints, "during_commit", lambda: os.kill(os.getpid(), signal.SIGKILL)), step=4)
session.run()
"""


def test_after_a_kill_in_the_middle_of_a_commit_the_run_goes_on_the_same(
    tmp_path: Path, uninterrupted: Run
) -> None:
    where = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", KILLED_IN_A_COMMIT, str(tmp_path / "c")]
    assert subprocess.run(command, env=os.environ | where).returncode == -signal.SIGKILL
    run = Run(tmp_path / "c")
    run.session().run()
    assert run.recorder.one("checkpoint.loaded")["step"] == 2
    wanted = {step: loss for step, loss in uninterrupted.recorder.losses().items() if step > 2}
    assert run.recorder.losses() == wanted
    assert run.checkpoints.newest_bytes() == uninterrupted.checkpoints.newest_bytes()


class Cancelled(BaseException):
    """What a platform raises on a cancel or a timeout."""


def cancel() -> None:
    raise Cancelled


def test_a_cancelled_call_saves_and_ends_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session(cancellations=(Cancelled,))
    run.recorder.on("step.completed", cancel, step=3)
    with pytest.raises(Cancelled):
        session.run()
    assert run.recorder.one("drain.started")["cause"] == "cancelled"
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["committed_step"]) == ("stopped", 3)
    assert run.recorder.one("run.ended")["state"] == "STOPPED"


def test_a_timeout_saves_and_uses_up_a_retry(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session(cancellations=(Cancelled,), timeout_at=time.time())
    run.recorder.on("step.completed", cancel, step=3)
    with pytest.raises(Cancelled):
        session.run()
    assert run.recorder.one("drain.started")["cause"] == "timeout"
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["committed_step"], ended["will_retry"]) == ("timeout", 3, True)
    assert "run.ended" not in run.recorder.types()


def test_the_last_timeout_ends_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session(cancellations=(Cancelled,), timeout_at=time.time(), retries_used=3)
    run.recorder.on("step.completed", cancel, step=3)
    with pytest.raises(Cancelled):
        session.run()
    assert run.recorder.one("run.ended")["reason"] == "timeout"


def test_a_cancellation_inside_the_update_saves_nothing_half_done(tmp_path: Path, uninterrupted: Run) -> None:
    run = Run(tmp_path / "c")
    session = run.session(lambda c: ProbedLearner(c, "update", 4, cancel), cancellations=(Cancelled,))
    with pytest.raises(Cancelled):
        session.run()
    ended = run.recorder.one("attempt.ended")
    assert (ended["step"], ended["committed_step"]) == (3, 2)
    assert run.recorder.one("drain.started")["saving"] is False
    assert "exception.raised" not in run.recorder.types()
    assert_the_rest_is_the_same(run, uninterrupted, first_again=3)
