"""Monitors look on: W&B is written offline, and nothing that goes wrong with it reaches the trainer."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from training_ports import Run, config

from remote.training.monitors import HostSampler, Monitors, WandbMirror
from remote.training.step_record import StepRecord


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


RECORD = StepRecord(1, {"loss": 0.25, "reward/mean": 0.5}, [])


def test_steps_are_mirrored_to_an_offline_run_of_the_runs_own_id(tmp_path: Path) -> None:
    mirror = WandbMirror(config(wandb="offline"), run="r-1", attempt=2, directory=tmp_path)
    mirror.log(RECORD)
    mirror.evaluation(1, {"reward/mean": 0.75})
    mirror.preempting()
    mirror.close(60.0)
    assert mirror.problem is None
    # W&B's own process writes the last block a moment after it has said that it is finished.
    names = (b"train/step", b"train/attempt", b"train/loss", b"reward/mean", b"eval/reward/mean")
    (file,) = [path for path in tmp_path.rglob("run-r-1.wandb") if "offline-run" in str(path.parent)]
    assert eventually(lambda: all(name in file.read_bytes() for name in names))


def test_a_mirror_that_cannot_write_says_so_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    mirror = WandbMirror(config(wandb="offline"), run="r-1", attempt=1, directory=tmp_path / "file" / "wandb")
    mirror.log(RECORD)
    mirror.close(60.0)
    assert mirror.problem is not None


def test_a_disabled_mirror_does_not_load_wandb(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from remote.training.monitors import Monitors\n"
        "from remote.vocabulary.run_config import RunConfig\n"
        "m = Monitors(RunConfig(wandb='disabled'), run='r', attempt=1, directory=pathlib.Path('.'))\n"
        "m.close(1.0)\n"
        "print('wandb' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_host_is_sampled_in_bytes_and_percent(tmp_path: Path) -> None:
    sample = HostSampler(tmp_path).sample()
    assert sample["rss"] > 10**6
    assert sample["disk_free"] > 0
    assert sample["cpu_percent"] >= 0.0


def test_what_cannot_be_sampled_is_left_out(tmp_path: Path) -> None:
    assert "disk_free" not in HostSampler(tmp_path / "gone").sample()


def test_a_session_with_all_monitors_runs_to_its_end(tmp_path: Path) -> None:
    run = Run(tmp_path / "c", config(wandb="offline"))
    monitors = Monitors(run.config, run="r-2", attempt=1, directory=tmp_path / "wandb")
    assert run.session(monitor=monitors).run().state == "SUCCEEDED"
    assert run.recorder.all("host.sampled")
    assert eventually(lambda: bool(list(tmp_path.rglob("run-r-2.wandb"))))
