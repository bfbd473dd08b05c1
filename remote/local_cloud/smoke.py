"""``python -m remote.local_cloud.smoke``: what the local cloud promises, tried in some ten seconds.

It starts a cloud of its own in a temporary directory, deploys the example app through Modal's
command line, and drives a retry, a preemption, a commit and a re-attachment, the last also across a
killed daemon. Prints one PASS or FAIL line for each, and leaves nothing behind, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.local_cloud import daemon
from remote.local_cloud.places import Places

if TYPE_CHECKING:
    import modal

EXAMPLE = Path(__file__).with_name("example_app.py")
NAME = "local-cloud-example"
PATIENCE_SECONDS = 30.0
REATTACH = "import sys, modal; print(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=float(sys.argv[2])))"


class SmokeError(AssertionError):
    """A promise was not kept; the message says which and what was seen instead."""


class Smoke:
    """The checks, on one running cloud. Each returns its counts in words, or raises."""

    def __init__(self, places: Places) -> None:
        import modal  # reads the environment: not before the cloud runs

        self._places = places
        self._modal = modal
        self._example = modal.Cls.from_name(NAME, "Example")()
        self._notes: modal.Dict = modal.Dict.from_name(NAME)
        self._volume: modal.Volume = modal.Volume.from_name(NAME)

    def retry(self) -> str:
        """A method that fails twice succeeds at its third try."""
        call = self._example.fail_twice.spawn("retry")
        expect("the try that succeeded", call.get(timeout=PATIENCE_SECONDS), 3)
        expect("tries in all", self._notes["retry"], 3)
        return "2 failures, 2 retries, succeeded at try 3"

    def preemption(self) -> str:
        """A stopped container's input goes on in another one, from the committed file."""
        call = self._example.count.spawn("preemption", 8, 4, "")
        wait_for("four committed counts", lambda: committed_count(self._volume, "preemption") == 4)
        task_id = self._notes["preemption/starts"][0][1]
        command_line("container", "stop", task_id, "--yes")
        result: dict[str, Any] = call.get(timeout=PATIENCE_SECONDS)
        starts = self._notes["preemption/starts"]
        expect("starts", len(starts), 2)
        expect("containers", len({container for _, container in starts}), 2)
        expect("the count resumed from", result["resumed_from"], 4)
        expect("the final count", result["count"], 8)
        return "1 interrupt, same input in a 2nd container, resumed from committed count 4 of 8"

    def commit(self) -> str:
        """Files of a container are seen from outside after its commit, and not before."""
        call = self._example.write_then_commit.spawn("commit.txt")
        wait_for("the write", lambda: self._notes.get("commit.txt/written", False))
        before = [entry.path for entry in self._volume.listdir("/")]
        if "commit.txt" in before:
            raise SmokeError("an uncommitted file was seen from outside")
        self._notes["commit.txt/go"] = True
        call.get(timeout=PATIENCE_SECONDS)
        content = b"".join(self._volume.read_file("commit.txt"))
        expect("the committed file", content, b"committed\n")
        return f"0 of 1 files seen before the commit, 1 of 1 ({len(content)} bytes) after"

    def reattach(self) -> str:
        """A call is found again by id from a new process, also after the daemon was killed."""
        call_id = self._example.count.spawn("reattach", 8, 4, "reattach/go").object_id
        wait_for("four committed counts", lambda: committed_count(self._volume, "reattach") == 4)
        early = in_new_process(call_id, 0.0)
        if "TimeoutError" not in early.stderr:
            raise SmokeError(f"a running call gave {early.stdout or early.stderr}")
        pid = daemon.running(self._places)
        if pid is None:
            raise SmokeError("the daemon does not run")
        os.kill(pid, signal.SIGKILL)
        wait_for("the end of the daemon", lambda: daemon.running(self._places) is None)
        daemon.up(self._places)
        self._notes["reattach/go"] = True
        late = in_new_process(call_id, PATIENCE_SECONDS)
        if "'count': 8" not in late.stdout:
            raise SmokeError(f"the call's result was {late.stdout or late.stderr}")
        expect("starts", len(self._notes["reattach/starts"]), 1)
        return "2 new processes, 1 killed daemon, 1 result, 0 restarts of the container"


def in_new_process(call_id: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Ask for a call's result from a fresh interpreter."""
    command = [sys.executable, "-c", REATTACH, call_id, str(timeout)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout + PATIENCE_SECONDS)


def command_line(*arguments: str) -> None:
    """Run the unmodified ``modal`` command line; SmokeError with its output if it fails."""
    result = subprocess.run([sys.executable, "-m", "modal", *arguments], capture_output=True, text=True)
    if result.returncode:
        raise SmokeError(
            f"modal {arguments[0]} exited with {result.returncode}:\n{result.stdout}{result.stderr}"
        )


def committed_count(volume: modal.Volume, name: str) -> int:
    """What the example has committed so far, 0 if nothing."""
    try:
        text = b"".join(volume.read_file(f"{name}.json"))
    except FileNotFoundError:
        return 0
    return int(text.split(b":")[1].strip(b" }\n"))


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Return once the condition holds; SmokeError if it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SmokeError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")
        time.sleep(0.05)


def expect(what: str, seen: object, wanted: object) -> None:
    """SmokeError unless the two are equal."""
    if seen != wanted:
        raise SmokeError(f"{what}: {seen!r} instead of {wanted!r}")


@contextlib.contextmanager
def temporary_cloud() -> Iterator[Places]:
    """A cloud that nobody else uses, and the environment of a client of it; all gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="lc-"))
    os.environ |= {
        "XDG_RUNTIME_DIR": str(root),
        "LOCAL_CLOUD_SPARES": "0",
        "LOCAL_CLOUD_COMMIT_SECONDS": "0",
    }
    places = Places(root / "state")
    try:
        daemon.up(places)
        os.environ |= (places.client() or {})["environment"]
        yield places
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with contextlib.suppress(daemon.DaemonError):
            daemon.down(places)
        shutil.rmtree(root, ignore_errors=True)


def main() -> int:
    """0 if every promise was kept, else 1; 130 after Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name = "set-up"
    try:
        with temporary_cloud() as places:
            command_line("deploy", str(EXAMPLE))
            smoke = Smoke(places)
            for name in ("retry", "preemption", "commit", "reattach"):
                print(f"PASS {name}: {getattr(smoke, name)()}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130
    except Exception as error:
        print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
