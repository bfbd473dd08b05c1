"""An ordinary Modal trainer: a loss that falls, a checkpoint every ten steps."""

import json
import os
import time
from pathlib import Path

import modal

app = modal.App("foreign")
volume = modal.Volume.from_name("foreign-checkpoints", create_if_missing=True, version=2)
image = modal.Image.debian_slim()


def checkpoints(name: str) -> Path:
    """The run's folder on the volume; a cloud that cannot mount says by a variable where it is."""
    mounts = json.loads(os.environ.get("LOCAL_CLOUD_MOUNTS", "{}"))
    folder = Path(mounts.get("/checkpoints", "/checkpoints")) / name
    folder.mkdir(exist_ok=True)
    return folder


def save(state: dict, folder: Path) -> Path:
    path = folder / f"{state['step']:06d}.json"
    path.with_suffix(".tmp").write_text(json.dumps(state))
    path.with_suffix(".tmp").replace(path)
    return path


@app.cls(image=image, volumes={"/checkpoints": volume}, retries=2, single_use_containers=True)
class Trainer:
    @modal.method()
    def train(self, name: str, steps: int, pace: float) -> float:
        newest = max(checkpoints(name).glob("*.json"), default=None)
        state = json.loads(newest.read_text()) if newest else {"step": 0, "loss": 1.0}
        while state["step"] < steps:
            time.sleep(pace)
            state = {"step": state["step"] + 1, "loss": state["loss"] * 0.99}
            print(json.dumps(state), flush=True)
            if state["step"] % 10 == 0:
                path = save(state, checkpoints(name))
                volume.commit()
                print(f"saved {path.name}", flush=True)
        return state["loss"]
