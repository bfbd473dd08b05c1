"""What the template tests deploy: classes that can be forked after their first hook, and some that cannot."""

import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import modal

app = modal.App("template")
volume = modal.Volume.from_name("template", create_if_missing=True, version=2)
notes = modal.Dict.from_name("template", create_if_missing=True)
MOUNT = "/template-volume/of/the/app"


def wait_for_go(name: str) -> None:
    """As in the sample app: an interrupt must find user code, not the client."""
    flag = Path(os.environ["LOCAL_CLOUD_FAULTS"]).parents[3] / "flags" / name
    while not flag.exists():
        time.sleep(0.02)


@app.cls(
    volumes={MOUNT: volume},
    enable_memory_snapshot=True,
    single_use_containers=True,
    retries=modal.Retries(max_retries=1, initial_delay=0.1),
)
class Loaded:
    @modal.enter(snap=True)
    def load(self) -> None:
        print("loaded once", flush=True)
        self.loaded_in, self.loaded_as = os.getpid(), uuid.uuid4().hex
        self.tokens = random.random()

    @modal.enter(snap=False)
    def be_unique(self) -> None:
        self.entered = uuid.uuid4().hex

    @modal.exit()
    def leave(self) -> None:
        print("exit hook", flush=True)

    @modal.method()
    def look(self) -> dict[str, object]:
        return {
            "loaded_in": self.loaded_in,
            "loaded_as": self.loaded_as,
            "pid": os.getpid(),
            "leads": os.getpgrp() == os.getpid() == os.getsid(0),
            "entered": self.entered,
            "start": os.environ["MODAL_LOCAL_START"],
            "task": os.environ["MODAL_TASK_ID"],
            "temporary": tempfile.gettempdir() == os.environ["TMPDIR"],
            "work": sys.path[0] == os.getcwd(),
            "random": random.random(),
            "threads": threading.active_count(),
        }

    @modal.method()
    def write(self, name: str) -> list[str]:
        """Commit a file at the app's own path once told; what else is there then."""
        root = Path(MOUNT)
        (root / name).write_text(name)
        notes[f"{name}/written"] = True
        wait_for_go(name)
        volume.commit()
        return sorted(path.name for path in root.iterdir())

    @modal.method()
    def wait(self, name: str) -> int:
        starts = [*notes.get(f"{name}/starts", []), os.environ["MODAL_TASK_ID"]]
        notes[f"{name}/starts"] = starts
        wait_for_go(name)
        return len(starts)

    @modal.method()
    def fail(self, name: str) -> int:
        """Raises in its first start."""
        starts = notes.get(f"{name}/starts", 0) + 1
        notes[f"{name}/starts"] = starts
        if starts == 1:
            raise ValueError("first start")
        return starts

    @modal.method()
    def end_by(self, name: str, number: int) -> int:
        starts = notes.get(f"{name}/starts", 0) + 1
        notes[f"{name}/starts"] = starts
        if starts == 1:
            os.kill(os.getpid(), number)
            signal.pause()
        return starts

    @modal.method()
    async def asynchronous(self) -> str:
        return "done"


class Unsafe:
    @modal.method()
    def start(self) -> str:
        return os.environ["MODAL_LOCAL_START"]


@app.cls(enable_memory_snapshot=True, single_use_containers=True)
class WithThread(Unsafe):
    @modal.enter(snap=True)
    def load(self) -> None:
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


@app.cls(enable_memory_snapshot=True, single_use_containers=True)
class WithConnection(Unsafe):
    @modal.enter(snap=True)
    def load(self) -> None:
        self.connection = socket.socketpair()


@app.cls(enable_memory_snapshot=True, single_use_containers=True)
class WithClient(Unsafe):
    """Modal's own client has a thread."""

    @modal.enter(snap=True)
    def load(self) -> None:
        self.known = notes.get("nothing")


@app.cls(enable_memory_snapshot=True, single_use_containers=True)
class Asynchronous(Unsafe):
    @modal.enter(snap=True)
    async def load(self) -> None:
        self.loaded = True
