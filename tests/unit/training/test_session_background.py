"""Checkpoints behind the steps: what runs on, what waits, and what counts when the attempt has to go."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from training_ports import Run, config, interrupt_now

from remote.training.learner import Learner
from remote.training.optimiser_files import moments
from remote.training.ports import FileWriter
from remote.vocabulary.commands import Verb

PATIENCE_SECONDS = 20.0


class Gate:
    """Holds a thread up until it is opened; a test that forgets to open it goes on all the same."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.passed = False

    def __call__(self) -> None:
        self._opened.wait(PATIENCE_SECONDS)
        self.passed = True

    def open(self) -> None:
        self._opened.set()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole") / "c")
    run.session().run()
    return run


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def order(run: Run, *wanted: tuple[str, int]) -> list[tuple[str, int]]:
    said = [(type, data.get("step")) for type, _, data in run.recorder.events]
    return [each for each in said if each in wanted]  # type: ignore[misc]


def phase_at(run: Run, type: str, step: int) -> str:
    """The phase shown when this was said."""
    phase = ""
    for found, _, data in run.recorder.events:
        if found == "phase.changed":
            phase = data["phase"]
        elif (found, data.get("step")) == (type, step):
            return phase
    raise AssertionError(f"{type} of step {step} was not said")


@pytest.mark.parametrize("stage", ["save", "commit"])
def test_steps_go_on_while_a_checkpoint_is_saved_and_committed(tmp_path: Path, stage: str) -> None:
    run, gate = Run(tmp_path / "c"), Gate()
    session = run.session()
    setattr(run.checkpoints, f"during_{stage}", gate)
    run.recorder.on("step.completed", gate.open, step=3)
    assert session.run().state == "SUCCEEDED"
    assert order(run, ("step.completed", 3), ("volume.committed", 2)) == [
        ("step.completed", 3),
        ("volume.committed", 2),
    ]
    assert phase_at(run, "step.completed", 3) == "STEPPING"


def test_the_next_checkpoint_waits_for_the_commit_before_it_and_shows_it(tmp_path: Path) -> None:
    run, gate = Run(tmp_path / "c"), Gate()
    session = run.session()
    run.checkpoints.during_commit = gate
    run.recorder.on("phase.changed", gate.open, phase="COMMITTING")
    session.run()
    assert order(run, ("step.completed", 4), ("volume.committed", 2), ("checkpoint.saved", 4)) == [
        ("step.completed", 4),
        ("volume.committed", 2),
        ("checkpoint.saved", 4),
    ]
    waited = [data["metrics"]["checkpoint_seconds"] for data in run.recorder.all("step.completed")]
    assert waited[4] > 0.0
    assert waited[0] == waited[1] == 0.0


class ThatDoesNotCopy(Learner):
    """The naive way: what is written is what the model has become by then."""

    def files(self) -> Mapping[str, FileWriter]:
        def live(path: Path) -> None:
            save_file(moments(self._optimiser, self._names), path, metadata={"format": "pt"})

        return {**super().files(), "optimizer.safetensors": live}


@pytest.mark.parametrize(("make", "same"), [(Learner, True), (ThatDoesNotCopy, False)])
def test_what_is_saved_is_the_state_when_the_checkpoint_was_due(
    tmp_path: Path, make: type[Learner], same: bool
) -> None:
    run, gate = Run(tmp_path / "c"), Gate()
    session = run.session(make)
    run.checkpoints.during_save = gate  # passed after the first file and before the others
    run.recorder.on("step.completed", gate.open, step=3)
    session.run()
    (record,) = [record for record in run.checkpoints.records() if record.step == 2]
    saved = {file.name: file.read_bytes() for file in (run.checkpoints.root / record.name).iterdir()}

    learner, reference = Learner(run.config), tmp_path / "reference"
    learner.step(1)
    learner.step(2)
    reference.mkdir()
    for name, write in learner.files().items():
        write(reference / name)
    assert (saved == {file.name: file.read_bytes() for file in reference.iterdir()}) is same


def test_a_fence_met_by_the_thread_ends_the_attempt_at_the_next_safe_point(tmp_path: Path) -> None:
    run, gate = Run(tmp_path / "c"), Gate()
    session = run.session()
    run.checkpoints.during_commit = gate
    run.checkpoints.fenced = True
    run.recorder.on("step.completed", gate.open, step=3)
    outcome = session.run()
    assert outcome.detail == "fenced"
    assert run.recorder.one("attempt.ended")["cause"] == "fenced"
    assert max(run.recorder.losses()) <= 4
    assert "exception.raised" not in run.recorder.types()


def test_a_disk_that_is_full_behind_the_steps_is_an_exception_like_any_other(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    run = Run(tmp_path / "c")
    session = run.session()
    run.checkpoints.during_save = full
    with pytest.raises(OSError, match="No space left"):
        session.run()
    assert "No space left" in run.recorder.one("exception.raised")["message"]
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["committed_step"], ended["will_retry"]) == ("exception", 0, True)


def test_a_preemption_waits_for_the_commit_under_way_before_it_saves_what_is_newer(
    tmp_path: Path, uninterrupted: Run
) -> None:
    run, gate = Run(tmp_path / "c"), Gate()
    session = run.session()
    run.checkpoints.during_commit = gate
    run.recorder.on("step.completed", interrupt_now, step=3)
    run.recorder.on("drain.started", gate.open)
    with pytest.raises(KeyboardInterrupt):
        session.run()
    assert order(run, ("volume.committed", 2), ("checkpoint.saved", 3)) == [
        ("volume.committed", 2),
        ("checkpoint.saved", 3),
    ]
    drain, ended = run.recorder.one("drain.started"), run.recorder.one("attempt.ended")
    assert (drain["saving"], drain["why"]) == (True, "there is time to save step 3")
    assert (ended["cause"], ended["committed_step"]) == ("preempted_drained", 3)
    run.session().run()
    assert run.checkpoints.newest_bytes() == uninterrupted.checkpoints.newest_bytes()


def test_a_commit_that_hangs_does_not_keep_the_last_words_back(tmp_path: Path) -> None:
    run, gate = Run(tmp_path / "c", config(grace_seconds=1.2)), Gate()
    session = run.session()
    run.checkpoints.during_commit = gate
    run.recorder.on("step.completed", interrupt_now, step=3)
    with pytest.raises(KeyboardInterrupt):
        session.run()
    assert not gate.passed
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["step"], ended["committed_step"]) == ("preempted_killed", 3, 0)
    assert "3 steps after committed step 0 will be redone" in ended["evidence"]
    gate.open()


def test_after_the_last_words_no_commit_begins(tmp_path: Path) -> None:
    run, gate = Run(tmp_path / "c", config(grace_seconds=0.2)), Gate()
    session = run.session()
    run.checkpoints.during_save = gate
    run.recorder.on("step.completed", interrupt_now, step=3)
    with pytest.raises(KeyboardInterrupt):
        session.run()
    gate.open()
    assert eventually(lambda: "checkpoint.saved" in run.recorder.types())
    assert "volume.committed" not in run.recorder.types()
    assert run.checkpoints.records() == []


def test_an_exception_lets_what_is_under_way_be_committed(tmp_path: Path, uninterrupted: Run) -> None:
    run, gate = Run(tmp_path / "c", config(drills=[{"kind": "exception", "step": 3}])), Gate()
    session = run.session()
    run.checkpoints.during_commit = gate
    run.recorder.on("drill.executed", lambda: threading.Timer(0.2, gate.open).start())
    with pytest.raises(RuntimeError, match="on purpose"):
        session.run()
    ended = run.recorder.one("attempt.ended")
    assert (ended["step"], ended["committed_step"]) == (3, 2)
    run.session(retries_used=1).run()
    assert run.recorder.one("checkpoint.loaded")["step"] == 2
    assert run.checkpoints.newest_bytes() == uninterrupted.checkpoints.newest_bytes()


def test_a_checkpoint_on_command_follows_the_one_under_way(tmp_path: Path) -> None:
    run, gate = Run(tmp_path / "c"), Gate()
    session = run.session()

    def ask() -> None:
        run.commands.put(Verb.CHECKPOINT)
        threading.Timer(0.1, gate.open).start()

    run.checkpoints.during_commit = gate
    run.recorder.on("step.completed", ask, step=3)
    session.run()
    assert [record.step for record in run.checkpoints.records()] == [2, 3, 4, 6]
    assert run.recorder.one("command.done")["detail"] == "step 3 is committed"


def test_what_a_step_said_is_in_the_live_log_before_the_step_counts(tmp_path: Path) -> None:
    """Else a kill in between would leave a step that is neither told nor done again."""
    run = Run(tmp_path / "c")
    session, told = run.session(), []

    def look() -> None:
        told.extend(
            d["step"] for t, _, d in run.recorder.events[: run.recorder.flushed] if t == "step.completed"
        )

    run.checkpoints.during_commit = look
    session.run()
    assert told[:2] == [1, 2]


def test_a_stop_saves_even_if_the_commit_under_way_fails_for_good(tmp_path: Path) -> None:
    run, gate = Run(tmp_path / "c"), Gate()
    session = run.session()

    def stop() -> None:
        run.commands.put(Verb.STOP)
        run.checkpoints.commits_to_fail = 5
        run.recorder.on("drain.started", gate.open)

    run.checkpoints.during_commit = gate
    run.recorder.on("step.completed", stop, step=3)
    outcome = session.run()
    assert (outcome.state, outcome.committed_step) == ("STOPPED", 3)
    assert [record.step for record in run.checkpoints.records()] == [3]


def test_the_parts_of_a_step_add_up_to_it(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    run.session().run()
    for data in run.recorder.all("step.completed"):
        metrics: dict[str, Any] = data["metrics"]
        parts = [metrics[f"{part}_seconds"] for part in ("rollout", "score", "update", "checkpoint")]
        assert metrics["step_seconds"] == pytest.approx(sum(parts))
    held = [data["metrics"]["checkpoint_seconds"] > 0 for data in run.recorder.all("step.completed")]
    assert held == [False, False, True, False, True, False]


@pytest.mark.parametrize("seed", range(4))
def test_interrupts_at_random_moments_do_not_change_the_run(
    tmp_path: Path, uninterrupted: Run, seed: int
) -> None:
    """Until it is done; each attempt says one end, and no committed step is done again."""
    chance = random.Random(seed)
    run = Run(tmp_path / "c")
    losses: dict[int, float] = {}
    for attempt in range(40):
        committed = run.checkpoints.records()[-1].step if run.checkpoints.records() else 0
        session = run.session()
        timer = threading.Timer(chance.uniform(0.05, 0.3), interrupt_now)
        run.recorder.on("phase.changed", timer.start, phase="STEPPING" if attempt % 4 else "LOADING")
        try:
            outcome = session.run()
        except KeyboardInterrupt:
            outcome = None
        timer.cancel()
        timer.join()
        assert run.recorder.types().count("attempt.ended") == 1
        steps = run.recorder.losses()
        assert min(steps, default=committed + 1) == committed + 1
        assert all(losses.get(step, loss) == loss for step, loss in steps.items())
        losses |= steps
        if outcome is not None:
            break
    assert losses == uninterrupted.recorder.losses()
    assert run.checkpoints.newest_bytes() == uninterrupted.checkpoints.newest_bytes()
