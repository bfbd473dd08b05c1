"""One attempt says what it does, obeys, retries, and ends once."""

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from training_ports import Run, config

from remote.training.learner import Learner
from remote.training.ports import Damaged
from remote.training.step_record import StepRecord
from remote.vocabulary import events
from remote.vocabulary.commands import Verb
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import ConfigError


def vocabulary() -> dict[str, tuple[set[str], set[str]]]:
    """Of each event type, the fields that it must have and those that it may have."""
    rows: dict[str, str] = {}
    for line in (events.__doc__ or "").splitlines():
        if row := re.match(r"(\S+\.\S+)\s+(?:trainer|watcher|both)\s+(.*)", line):
            name, rows[row[1]] = row[1], row[2]
        elif line.startswith(" " * 30) and rows:
            rows[name] += " " + line.strip()
    fields = {}
    for name, text in rows.items():
        while re.search(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", text):
            text = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", "", text)
        words = [word.strip().split()[0] for word in text.split(",") if word.strip()]
        fields[name] = (
            {word for word in words if not word.endswith("?")},
            {word.rstrip("?") for word in words if word.endswith("?")},
        )
    return fields


def test_a_run_goes_through_its_phases_and_ends_succeeded(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    outcome = run.session().run()
    assert (outcome.state, outcome.step, outcome.committed_step) == ("SUCCEEDED", 6, 6)
    assert [data["step"] for data in run.recorder.all("step.completed")] == [1, 2, 3, 4, 5, 6]
    assert [data["step"] for data in run.recorder.all("volume.committed")] == [2, 4, 6]
    assert [data["reason"] for data in run.recorder.all("checkpoint.saved")] == [
        "interval",
        "interval",
        "final",
    ]
    phases = [data["phase"] for data in run.recorder.all("phase.changed")]
    assert [phase for phase in phases[:-1] if phase != "COMMITTING"] == [
        *("LOADING", "STEPPING"),
        *("CHECKPOINTING", "STEPPING") * 2,
        "CHECKPOINTING",
    ]
    assert phases[-1] == "COMMITTING"
    assert run.recorder.types()[-2:] == ["attempt.ended", "run.ended"]
    assert run.recorder.one("attempt.ended")["cause"] == "completed"
    assert run.recorder.flushed == len(run.recorder.events)


def test_every_event_has_the_fields_of_the_vocabulary(tmp_path: Path) -> None:
    drills = [["exception", 3], ["preempt", 5], ["commit_failure", 2]]
    wanted = config(drills=[{"kind": k, "step": s} for k, s in drills], keep_last=1, eval_interval=2)
    run = Run(tmp_path / "c", wanted)
    run.commands.put(Verb.CHECKPOINT)
    run.checkpoints.damaged = [Damaged(name="step_00000001", why="sha256 of model.safetensors differs")]
    said: list[tuple[str, Severity, dict[str, Any]]] = []
    for _ in range(3):
        with contextlib.suppress(RuntimeError, KeyboardInterrupt):
            run.session(monitor=KeptMonitor()).run()
        said += run.recorder.events
    allowed = vocabulary()
    assert {type for type, _, _ in said} >= {
        *("phase.changed", "model.loaded", "checkpoint.loaded", "checkpoint.skipped", "step.completed"),
        *("rollout.sampled", "checkpoint.saved", "volume.committed", "volume.commit_failed"),
        *("checkpoint.deleted", "drain.started", "drill.announced", "drill.executed", "command.received"),
        *("command.done", "exception.raised", "attempt.ended", "run.ended", "host.sampled"),
        "eval.completed",
    }
    for type, _, data in said:
        must, may = allowed[type]
        assert must <= data.keys() <= must | may, type


def test_a_resumed_attempt_repeats_what_was_not_committed_and_ends_the_same(tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole")
    whole.session().run()

    broken = Run(tmp_path / "broken", config(drills=[{"kind": "exception", "step": 5}]))
    with pytest.raises(RuntimeError, match="step 5 failed on purpose"):
        broken.session().run()
    first = broken.recorder.losses()
    broken.session(retries_used=1).run()
    second = broken.recorder.losses()

    assert broken.recorder.one("checkpoint.loaded")["step"] == 4
    assert set(first) == {1, 2, 3, 4, 5}
    assert set(second) == {5, 6}
    assert first | second == whole.recorder.losses()
    assert second[5] == first[5]
    assert broken.checkpoints.newest_bytes() == whole.checkpoints.newest_bytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_resume_says_whether_it_repeats_exactly(tmp_path: Path, threads: int) -> None:
    run = Run(tmp_path / "c", config(drills=[{"kind": "exception", "step": 3}]))
    with pytest.raises(RuntimeError, match="on purpose"):
        run.session().run()
    (state,) = (run.checkpoints.root).glob("step_00000002*/state.json")
    state.write_text(json.dumps(json.loads(state.read_text()) | {"threads": threads}))
    run.session(retries_used=1).run()
    loaded = run.recorder.one("checkpoint.loaded")
    assert loaded["exact"] is (threads == 1)
    assert loaded["differs"] == ([] if threads == 1 else ["threads: 3 then, 1 now"])


def test_an_exception_is_said_with_the_retry_that_follows(tmp_path: Path) -> None:
    run = Run(tmp_path / "c", config(drills=[{"kind": "exception", "step": 3}]))
    with pytest.raises(RuntimeError):
        run.session(retries_used=1).run()
    raised, ended = run.recorder.one("exception.raised"), run.recorder.one("attempt.ended")
    assert (raised["kind"], raised["retryable"]) == ("DrillError", True)
    assert "failed on purpose" in raised["traceback"]
    assert ended == {
        "cause": "exception",
        "step": 3,
        "committed_step": 2,
        "evidence": "DrillError: step 3 failed on purpose",
        "will_retry": True,
        "retry": 2,
        "of": 3,
        "delay": 10.0,
    }
    assert "run.ended" not in run.recorder.types()
    assert run.recorder.flushed == len(run.recorder.events)


def test_when_the_retries_are_used_up_the_run_has_failed(tmp_path: Path) -> None:
    run = Run(tmp_path / "c", config(drills=[{"kind": "exception", "step": 3}]))
    outcome = run.session(retries_used=3).run()
    assert (outcome.state, outcome.reason) == ("FAILED", "retries_exhausted")
    ended = run.recorder.one("run.ended")
    assert (ended["state"], ended["reason"], ended["committed_step"]) == ("FAILED", "retries_exhausted", 2)
    assert "3 of 3 retries are used" in ended["detail"]
    assert run.recorder.one("attempt.ended")["will_retry"] is False


def test_an_unknown_model_ends_the_run_at_once_and_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path / "c", config(model=str(tmp_path / "no-such-model")))
    outcome = run.session().run()
    assert (outcome.state, outcome.reason) == ("FAILED", "user_error")
    assert "no-such-model" in run.recorder.one("run.ended")["detail"]
    assert run.recorder.one("exception.raised")["retryable"] is False


def test_a_config_error_is_not_retried(tmp_path: Path) -> None:
    def refuse(_: object) -> Learner:
        raise ConfigError("task", "chess", "one of sort-digits")

    run = Run(tmp_path / "c")
    assert run.session(refuse).run().reason == "user_error"


def test_a_commit_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    run.checkpoints.commits_to_fail = 1
    waited: list[float] = []
    run.session(sleep=waited.append).run()
    failed = run.recorder.one("volume.commit_failed")
    assert (failed["step"], failed["try"], failed["retry_in"]) == (2, 1, 1.0)
    assert sum(waited) == pytest.approx(1.0)
    assert [data["tries"] for data in run.recorder.all("volume.committed")] == [2, 1, 1]


def test_a_commit_that_keeps_failing_is_an_exception_like_any_other(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    run.checkpoints.commits_to_fail = 5
    with pytest.raises(RuntimeError, match="the volume is busy"):
        run.session().run()
    failures = run.recorder.all("volume.commit_failed")
    assert [data["try"] for data in failures] == [1, 2, 3, 4, 5]
    assert "retry_in" not in failures[-1]
    ended = run.recorder.one("attempt.ended")
    assert (ended["committed_step"], ended["will_retry"]) == (0, True)
    assert 2 <= ended["step"] <= 4, "the next checkpoint would have waited for it"


def test_a_fenced_attempt_leaves_without_ending_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    run.checkpoints.fenced = True
    outcome = run.session().run()
    assert outcome.detail == "fenced"
    assert run.recorder.one("attempt.ended")["cause"] == "fenced"
    assert "run.ended" not in run.recorder.types()
    assert "volume.committed" not in run.recorder.types()


def test_a_checkpoint_is_made_on_command_at_the_step_boundary(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session()
    run.recorder.on("step.completed", lambda: run.commands.put(Verb.CHECKPOINT), step=3)
    session.run()
    saved = [data for data in run.recorder.all("checkpoint.saved") if data["reason"] == "operator"]
    assert [data["step"] for data in saved] == [3]
    assert run.recorder.one("command.done") == {
        "id": "i1",
        "verb": "checkpoint",
        "outcome": "done",
        "detail": "step 3 is committed",
    }
    order = run.recorder.types()
    assert order.index("command.received") < order.index("command.done")


def test_after_a_checkpoint_on_command_that_waited_for_a_commit_it_says_that_it_steps(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session()

    def ask() -> None:
        run.checkpoints.during_commit = lambda: time.sleep(0.3)
        run.commands.put(Verb.CHECKPOINT)

    run.recorder.on("step.completed", ask, step=4)
    session.run()
    phase = ""
    for type_, _, data in run.recorder.events:
        phase = data["phase"] if type_ == "phase.changed" else phase
        assert type_ != "step.completed" or phase == "STEPPING", data["step"]


def test_a_checkpoint_on_command_that_cannot_be_committed_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session()

    def ask() -> None:
        run.commands.put(Verb.CHECKPOINT)
        run.checkpoints.commits_to_fail = 5

    run.recorder.on("step.completed", ask, step=3)
    with pytest.raises(RuntimeError, match="busy"):
        session.run()
    assert run.recorder.one("command.done")["outcome"] == "refused"


BEHIND = {("checkpoint.saved", 2), ("volume.committed", 2)}
"""What a thread may still have to say about the checkpoint before."""


def test_a_stop_saves_and_ends_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session()
    run.recorder.on("step.completed", lambda: run.commands.put(Verb.STOP), step=3)
    outcome = session.run()
    assert (outcome.state, outcome.step, outcome.committed_step) == ("STOPPED", 3, 3)
    types = [type for type, _, data in run.recorder.events if (type, data.get("step")) not in BEHIND]
    assert types[types.index("command.received") :] == [
        *("command.received", "phase.changed", "drain.started"),
        *("phase.changed", "checkpoint.saved", "phase.changed", "volume.committed"),
        *("command.done", "attempt.ended", "run.ended"),
    ]
    assert run.recorder.one("drain.started")["cause"] == "stop"
    assert run.recorder.one("attempt.ended")["cause"] == "stopped"


def test_a_stop_is_a_stop_even_if_nothing_can_be_committed(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session()

    def stop() -> None:
        run.commands.put(Verb.STOP)
        run.checkpoints.commits_to_fail = 5

    run.recorder.on("step.completed", stop, step=3)
    outcome = session.run()
    assert (outcome.state, outcome.step, outcome.committed_step) == ("STOPPED", 3, 2)
    assert "could not be committed" in run.recorder.one("command.done")["detail"]


def test_what_comes_after_a_stop_or_too_late_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    session = run.session()

    def stop_and_more() -> None:
        run.commands.put(Verb.STOP, "i1")
        run.commands.put(Verb.CHECKPOINT, "i2")

    run.recorder.on("step.completed", stop_and_more, step=1)
    session.run()
    assert {d["id"]: d["outcome"] for d in run.recorder.all("command.done")} == {
        "i1": "done",
        "i2": "refused",
    }

    late = Run(tmp_path / "late")
    session = late.session()
    late.recorder.on("step.completed", lambda: late.commands.put(Verb.STOP), step=6)
    assert session.run().state == "SUCCEEDED"
    assert late.recorder.one("command.done")["outcome"] == "refused"


def test_a_verb_that_is_not_the_trainers_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    run.commands.put(Verb.RESUME)
    run.session().run()
    assert run.recorder.one("command.done")["outcome"] == "refused"


def test_an_attempt_that_finds_every_step_done_ends_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "c")
    run.session().run()
    outcome = run.session().run()
    assert outcome.state == "SUCCEEDED"
    assert run.recorder.all("step.completed") == []


def test_old_checkpoints_are_deleted_and_said(tmp_path: Path) -> None:
    run = Run(tmp_path / "c", config(keep_last=1))
    run.session().run()
    assert [data["step"] for data in run.recorder.all("checkpoint.deleted")] == [2, 4]


class KeptMonitor:
    """A monitor that keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def step(self, record: StepRecord) -> None:
        self.seen.append(record.step)

    def evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        self.seen.append(("evaluation", step, metrics["prompts"]))

    def host(self) -> dict[str, Any]:
        return {"cpu_percent": 1.0, "rss": 2, "disk_free": 3}

    def preempting(self) -> None:
        self.seen.append("preempting")

    def close(self, seconds: float) -> None:
        self.seen.append("closed")


def test_a_monitor_sees_every_step_and_the_host_now_and_then(tmp_path: Path) -> None:
    run, monitor = Run(tmp_path / "c"), KeptMonitor()
    run.session(monitor=monitor).run()
    assert monitor.seen == [1, 2, 3, 4, 5, 6, "closed"]
    assert run.recorder.all("host.sampled")


def test_the_session_loads_no_torch_before_there_is_a_learner() -> None:
    script = "import sys, remote.training.session; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "numpy", "wandb", "modal"} & set(loaded.stdout.split())
