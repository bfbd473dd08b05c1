"""Somebody's app, which has never heard of the local cloud: it opens files at its own mount paths.

The tests write it with other paths in place of ``/foreign-vol`` where a link must be possible.
"""

import os
import time
from pathlib import Path

import modal

app = modal.App("foreign")
volume = modal.Volume.from_name("foreign", create_if_missing=True, version=2)
bucket = modal.CloudBucketMount("pictures", key_prefix="small/")
notes = modal.Dict.from_name("foreign", create_if_missing=True)
MOUNT = "/foreign-vol"
PICTURES = "/foreign-pictures"


def wait_for_note(name: str) -> None:
    while not notes.get(name):
        time.sleep(0.05)


def begin(name: str) -> int:
    starts = [*notes.get(f"{name}/starts", []), os.environ["MODAL_TASK_ID"]]
    notes[f"{name}/starts"] = starts
    return len(starts)


@app.function(volumes={MOUNT: volume, PICTURES: bucket}, single_use_containers=True)
def write(name: str) -> list[str]:
    Path(MOUNT, "deep", "er").mkdir(parents=True, exist_ok=True)
    Path(MOUNT, "deep", "er", name).write_text("in the volume")
    Path(PICTURES, name).write_text("in the bucket")
    volume.commit()
    return sorted(os.listdir(MOUNT))


@app.function(volumes={MOUNT: volume}, single_use_containers=True)
def meet(mine: str, other: str) -> list[list[str]]:
    """What is there of another container's file before and after it commits and we reload."""
    Path(MOUNT, mine).write_text(mine)
    notes[f"{mine}/written"] = True
    wait_for_note(f"{other}/written")
    seen = [sorted(os.listdir(MOUNT))]
    volume.commit()
    notes[f"{mine}/committed"] = True
    wait_for_note(f"{other}/committed")
    volume.reload()
    return [*seen, sorted(os.listdir(MOUNT)), Path(MOUNT, other).read_text()]


@app.function(volumes={MOUNT: volume}, single_use_containers=True)
def reload_in_use(name: str) -> list[str]:
    outcomes = []
    with Path(MOUNT, name).open("w"):
        try:
            volume.reload()
        except RuntimeError as error:
            outcomes.append(str(error))
    os.chdir(MOUNT)
    try:
        volume.reload()
    except RuntimeError as error:
        outcomes.append(str(error))
    os.chdir("/")
    volume.reload()
    return outcomes


@app.function(volumes={MOUNT: volume.with_mount_options(read_only=True)}, single_use_containers=True)
def write_what_is_read_only(name: str) -> str:
    try:
        Path(MOUNT, name).write_text("no")
    except OSError as error:
        return str(error)
    return "written"


@app.function(volumes={MOUNT: volume.with_mount_options(sub_path="/deep/er")}, single_use_containers=True)
def list_a_part() -> list[str]:
    return sorted(os.listdir(MOUNT))


@app.cls(volumes={MOUNT: volume}, enable_memory_snapshot=True, single_use_containers=True)
class Trainer:
    @modal.enter(snap=True)
    def load(self) -> None:
        self.seen = sorted(os.listdir(MOUNT))

    @modal.exit()
    def leave(self) -> None:
        if hasattr(self, "name"):
            Path(MOUNT, f"{self.name}-exit").write_text("exit hook")

    @modal.method()
    def train(self, name: str) -> list:
        """Count in the volume until interrupted; the second start says what it finds."""
        self.name = name
        if begin(name) > 1:
            return [Path(MOUNT, f"{name}-step").read_text(), Path(MOUNT, f"{name}-exit").exists()]
        Path(MOUNT, f"{name}-step").write_text("7")
        volume.commit()
        notes[f"{name}/ready"] = True
        try:
            while True:
                time.sleep(0.02)
        except KeyboardInterrupt:
            notes[f"{name}/interrupted"] = True
            raise

    @modal.method()
    def look(self, name: str) -> list:
        return [self.seen, Path(MOUNT, name).exists(), os.environ["MODAL_LOCAL_START"]]
