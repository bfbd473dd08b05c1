"""The class-based trainer of the notes that this project began with, in today's API.

What is different from the notes, and why: `@modal.build` and `cloud_bucket_mounts` are gone, `@modal.enter()`
means ``snap=False``, parameters are `modal.parameter`, and state that must outlive a container is committed.
"""

import json
import os
import time
from pathlib import Path

import modal

app = modal.App("seed")
checkpoints = modal.Volume.from_name("seed", create_if_missing=True, version=2)
notes = modal.Dict.from_name("seed", create_if_missing=True)
STEPS = 6


def checkpoint_dir() -> Path:
    return Path(json.loads(os.environ.get("LOCAL_CLOUD_MOUNTS", "{}")).get("/checkpoints", "/checkpoints"))


def flag(name: str) -> bool:
    return (Path(os.environ["LOCAL_CLOUD_FAULTS"]).parents[3] / "flags" / name).exists()


@app.cls(
    gpu="H100:8",
    enable_memory_snapshot=True,
    volumes={"/checkpoints": checkpoints},
    scaledown_window=60,
)
class AdvancedTrainer:
    # ┌─── Container starts ───┐

    @modal.enter(snap=True)  # [1] Runs BEFORE the snapshot, no GPU
    def heavy_initialization(self) -> None:
        self.hooks = [["heavy_initialization", time.time()]]

    # ┌─── Snapshot taken here ───┐

    @modal.enter(snap=False)  # [2] Runs AFTER the restore, GPU available
    def gpu_initialization(self) -> None:
        self.hooks.append(["gpu_initialization", time.time()])

    @modal.enter()  # [3] As [2], in the order of the class
    def final_setup(self) -> None:
        self.hooks.append(["final_setup", time.time()])
        self.calls = 0

    # ┌─── Container ready ───┐

    @modal.method()
    def train(self) -> dict:
        """The container is used again for further calls."""
        self.calls += 1
        return {
            "hooks": self.hooks,
            "calls": self.calls,
            "task": os.environ["MODAL_TASK_ID"],
            "start": os.environ["MODAL_LOCAL_START"],
        }

    @modal.method()
    def train_until(self, run: str) -> dict:
        """Resumes from the last checkpoint; waits in the middle of its first start."""
        self.path = checkpoint_dir() / f"{run}.json"
        done = json.loads(self.path.read_text())["step"] if self.path.exists() else 0
        resumed_from = self.step = done
        while self.step < STEPS:
            self.step += 1
            if self.step == STEPS // 2 and not resumed_from:
                notes[run] = os.environ["MODAL_TASK_ID"]
                while not flag(run):
                    time.sleep(0.02)
        return {"resumed_from": resumed_from, "task": os.environ["MODAL_TASK_ID"]}

    @modal.exit()  # [4] Runs when the container ends, also when it is preempted
    def cleanup(self) -> None:
        if hasattr(self, "path"):
            self.path.write_text(json.dumps({"step": self.step}))
        print("cleanup", flush=True)


@app.function(
    retries=modal.Retries(max_retries=5, initial_delay=1.0, backoff_coefficient=2.0, max_delay=60.0),
)
def resilient_training(name: str) -> None:
    """Retries after 1, 2, 4, 8 and 16 s, then the exception."""
    notes[f"{name}/starts"] = [*notes.get(f"{name}/starts", []), time.time()]
    raise ValueError("training fails")


@app.function(retries=1)
def train_on_batch(batch: int) -> int:
    notes[f"batch/{batch}"] = notes.get(f"batch/{batch}", 0) + 1
    if batch == 2:
        raise ValueError("batch 2 failed")
    return batch * 10


@app.function(volumes={"/checkpoints": checkpoints})
def write_and_wait(name: str) -> None:
    """Never commits."""
    (checkpoint_dir() / name).write_text("written")
    notes[name] = True
    while not flag(name):
        time.sleep(0.02)
