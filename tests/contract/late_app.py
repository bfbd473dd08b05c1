"""What the tests of start limits, options and slow faults deploy."""

import json
import os
import time
from pathlib import Path

import modal

app = modal.App("late")
notes = modal.Dict.from_name("late", create_if_missing=True)
READS = modal.Secret.from_dict({"LOCAL_CLOUD_MOUNTS_READ": "1"})


@app.cls(startup_timeout=2)
class SlowStart:
    @modal.enter()
    def begin(self) -> None:
        notes["slow/starts"] = notes.get("slow/starts", 0) + 1
        time.sleep(60)

    @modal.method()
    def never(self) -> str:
        return "started"


@app.cls(secrets=[READS], scaledown_window=2)
class Plain:
    @modal.method()
    def write(self, name: str) -> list:
        """Where the volume was mounted by the caller's options; write there and commit."""
        (path,) = json.loads(os.environ["LOCAL_CLOUD_MOUNTS"])
        Path(json.loads(os.environ["LOCAL_CLOUD_MOUNTS"])[path], name).write_text(name)
        began = time.monotonic()
        modal.Volume.from_name("late").commit()
        return [path, time.monotonic() - began]

    @modal.method()
    def mounts(self) -> dict:
        return json.loads(os.environ.get("LOCAL_CLOUD_MOUNTS", "{}"))


@app.cls(single_use_containers=True)
class Steady:
    @modal.method()
    def until(self, name: str, starts: int) -> int:
        """Return from the so-manieth start on; wait in those before."""
        begun = notes.get(name, 0) + 1
        notes[name] = begun
        while begun < starts:
            time.sleep(0.05)
        return begun
