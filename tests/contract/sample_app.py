"""What the contract tests deploy: small methods that fail, wait, write and end in every way."""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import modal

T = TypeVar("T")
app = modal.App("sample")
volume = modal.Volume.from_name("sample", create_if_missing=True, version=2)
notes = modal.Dict.from_name("sample", create_if_missing=True)


def mounted() -> Path:
    return Path(json.loads(os.environ["LOCAL_CLOUD_MOUNTS"])["/sample"])


def faults() -> Path:
    return Path(os.environ["LOCAL_CLOUD_FAULTS"])


def note(name: str, value: object = True) -> None:
    notes[name] = value


def surely(action: Callable[[], T]) -> T:
    """Do what may be done twice until it succeeds. Where the daemon dies under a request, grpclib raises
    AttributeError and the client passes that on: the try would fail, and the next one look like a second
    start that the daemon had made."""
    while True:
        with contextlib.suppress(modal.exception.Error, AttributeError):
            return action()


def begin(name: str) -> int:
    """Count the starts of a named call, and say in which containers."""
    before = surely(lambda: notes.get(f"{name}/starts", []))
    surely(lambda: note(f"{name}/starts", [*before, os.environ["MODAL_TASK_ID"]]))
    return len(before) + 1


def wait_for_go(name: str) -> None:
    """Wait for a file of the test's, not for an entry: while a thread waits in the client, the
    client can swallow an interrupt that comes just then."""
    flag = faults().parents[3] / "flags" / name
    while not flag.exists():
        time.sleep(0.02)


@app.cls(
    volumes={"/sample": volume},
    secrets=[modal.Secret.from_dict({"LOCAL_CLOUD_MOUNTS_READ": "1"})],
    single_use_containers=True,
    retries=modal.Retries(max_retries=2, initial_delay=0.1, backoff_coefficient=1.0),
)
class Job:
    @modal.exit()
    def leave(self) -> None:
        print("exit hook", flush=True)

    @modal.method()
    def fail(self, name: str, times: int) -> int:
        start = begin(name)
        if start <= times:
            raise ValueError(f"start {start} fails")
        return start

    @modal.method()
    def crash(self, name: str, times: int) -> int:
        start = begin(name)
        if start <= times:
            os.kill(os.getpid(), signal.SIGKILL)
        return start

    @modal.method()
    def wait(self, name: str) -> int:
        """Wait until told to go on; the number of the start that was."""
        start = begin(name)
        print(f"start {start} of {name}", flush=True)
        print("to stderr", file=sys.stderr, flush=True)
        wait_for_go(name)
        return start

    @modal.method()
    def resume(self, name: str) -> dict[str, object]:
        """Commit one file, leave another uncommitted, then wait: what a new start finds of them."""
        begin(name)
        kept, lost = mounted() / f"{name}-kept", mounted() / f"{name}-lost"
        if kept.exists():
            return {"kept": kept.read_text(), "lost": lost.exists()}
        kept.write_text("kept")
        volume.commit()
        lost.write_text("lost")
        note(f"{name}/written")
        try:
            wait_for_go(name)
        finally:
            lost.unlink()  # an interrupt commits what it finds; a kill comes too suddenly for that
        return {}

    @modal.method()
    def ask_preemption(self, name: str, grace: float, ask: bool) -> int:
        start = begin(name)
        if start == 1:
            if ask:
                (faults() / "preempt").write_text(json.dumps({"grace": grace}))
            time.sleep(1.0)
        return start

    @modal.method()
    def outlive(self, name: str, grace: float) -> int:
        """Asks for a preemption and does not heed the interrupt."""
        start = begin(name)
        if start == 1:
            signal.signal(signal.SIGINT, lambda *_: note(f"{name}/interrupted"))
            (faults() / "preempt").write_text(json.dumps({"grace": grace}))
            while True:
                time.sleep(0.02)
        return start

    @modal.method()
    def commit(self, name: str, fail: bool) -> list[str]:
        (mounted() / name).write_text("content")
        if fail:
            (faults() / "commit_fail_once").touch()
        outcomes = []
        for _ in range(2):
            try:
                volume.commit()
                outcomes.append("committed")
            except Exception as error:
                outcomes.append(type(error).__name__)
        return outcomes

    @modal.method()
    def commit_often(self, name: str, times: int) -> list[int]:
        """Commit a number again and again; the last one, and how many starts it took."""
        starts = begin(name)
        for number in range(1, times + 1):
            (mounted() / name).write_text(str(number))
            surely(volume.commit)
            time.sleep(0.02)
        return [number, starts]

    @modal.method()
    def see(self, name: str) -> list[bool]:
        """Whether a file is there at the start, when told, and after a reload."""
        path = mounted() / name
        seen = [path.exists()]
        note(f"{name}/looked")
        wait_for_go(name)
        seen.append(path.exists())
        volume.reload()
        return [*seen, path.exists()]

    @modal.method()
    def reload_with_an_open_file(self, name: str) -> list[str]:
        outcomes = []
        with (mounted() / name).open("w"):
            try:
                volume.reload()
            except RuntimeError as error:
                outcomes.append(str(error))
        volume.reload()
        return [*outcomes, "reloaded"]

    @modal.method()
    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    @modal.method()
    def echo(self, value: bytes) -> bytes:
        return value


@app.function(
    timeout=1,
    startup_timeout=60,  # else it is the timeout, and a busy machine needs more than a second to start
    retries=modal.Retries(max_retries=1, initial_delay=0.0),
    single_use_containers=True,
)
def too_slow(name: str) -> None:
    begin(name)
    while True:
        time.sleep(0.02)


@app.function(max_containers=2)
def square(number: int) -> int:
    return number * number


@app.function()
def numbers(count: int):
    yield from range(count)


@app.function()
def family(generations: int) -> list[int]:
    """Has a child of its own kind, spawned, and the last of them two others, by a map."""
    if generations:
        return family.spawn(generations - 1).get()
    return list(square.map([2, 3]))
