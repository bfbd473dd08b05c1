"""A small app for the local cloud's own smoke test: retries, a volume, a preemption to resume from.

It imports nothing of ours, as any app that is deployed here: `modal deploy` runs it unchanged.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import modal

app = modal.App("local-cloud-example")
volume = modal.Volume.from_name("local-cloud-example", create_if_missing=True, version=2)
notes = modal.Dict.from_name("local-cloud-example", create_if_missing=True)
MOUNT = "/example"


def volume_dir() -> Path:
    """Where the volume is: at its mount path, or where a cloud without mounts says."""
    return Path(json.loads(os.environ.get("LOCAL_CLOUD_MOUNTS", "{}")).get(MOUNT, MOUNT))


def noted(name: str) -> bool:
    """Whether there is a note of this name; no, too, while the cloud does not answer."""
    with contextlib.suppress(modal.exception.Error, OSError):
        return bool(name and notes.get(name, False))
    return False


@app.cls(
    volumes={MOUNT: volume},
    secrets=[modal.Secret.from_dict({"LOCAL_CLOUD_MOUNTS_READ": "1"})],
    enable_memory_snapshot=True,
    single_use_containers=True,
    retries=modal.Retries(max_retries=3, initial_delay=0.5, backoff_coefficient=2.0),
    timeout=600,
)
class Example:
    """Counts, fails, is preempted."""

    @modal.enter(snap=True)
    def load(self) -> None:
        """Before the snapshot."""
        self.loaded_at = time.time()

    @modal.enter(snap=False)
    def prepare(self) -> None:
        """After the snapshot."""
        self.task_id = os.environ["MODAL_TASK_ID"]

    @modal.exit()
    def leave(self) -> None:
        """Runs after an interrupt as well."""
        print("exit hook", flush=True)

    @modal.method()
    def fail_twice(self, name: str) -> int:
        """The number of the try that succeeded; the tries are counted in a Dict."""
        tries: int = notes.get(name, 0) + 1
        notes[name] = tries
        if tries < 3:
            raise ValueError(f"try {tries} fails on purpose")
        return tries

    @modal.method()
    def count(self, name: str, steps: int, hold_at: int, until: str) -> dict[str, object]:
        """Count to ``steps``, committing each count; goes on from the committed file.

        The first start holds at a count until a note of the name ``until`` is made, or for ever.
        """
        path = volume_dir() / f"{name}.json"
        start = json.loads(path.read_text())["count"] if path.exists() else 0
        notes[f"{name}/starts"] = [*notes.get(f"{name}/starts", []), [start, os.environ["MODAL_TASK_ID"]]]
        for number in range(start + 1, steps + 1):
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps({"count": number}))
            temporary.rename(path)
            volume.commit()
            print(f"count {number}", flush=True)
            while number == hold_at and start == 0 and not noted(until):
                time.sleep(0.05)
        return {"count": steps, "resumed_from": start, "start": os.environ.get("MODAL_LOCAL_START")}

    @modal.method()
    def write_then_commit(self, name: str) -> None:
        """Write a file at once, commit it when the Dict says so."""
        (volume_dir() / name).write_text("committed\n")
        notes[f"{name}/written"] = True
        while not noted(f"{name}/go"):
            time.sleep(0.05)
        volume.commit()
        notes[f"{name}/committed"] = True
