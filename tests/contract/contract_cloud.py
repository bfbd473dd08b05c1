"""A real local cloud for each module of tests: own directory, own daemon, the unmodified client and its
command line in processes of their own, because it reads its environment when it is imported."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from remote.local_cloud import daemon, fault_command
from remote.local_cloud.places import Places
from tests.contract.warm_python import Forked, WarmPython

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PRELUDE = """
import json, os, subprocess, sys, time
import modal

def say(value):
    print("said:" + json.dumps(value))

def go(name):
    os.makedirs("flags", exist_ok=True)
    open(f"flags/{name}", "w").close()

def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found
"""


class LocalCloud:
    """One cloud, driven as a user drives it."""

    def __init__(self, root: Path, **settings: str) -> None:
        self.root = root
        self.places = Places(root / "state")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MODAL_", "LOCAL_CLOUD_"))}
        self.environment = kept | {"XDG_RUNTIME_DIR": str(root), "LOCAL_CLOUD_SPARES": "0"}
        self.environment |= {"LOCAL_CLOUD_COMMIT_SECONDS": "0"} | settings
        self._warm: WarmPython | None = None

    def __call__(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "remote.local_cloud", verb, *options]
        return subprocess.run(
            [*command, "--state", str(self.places.state)],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def up(self) -> None:
        result = self("up")
        assert result.returncode == 0, result.stderr
        self.environment |= json.loads(self("env", "--json").stdout)

    def kill(self) -> None:
        pid = daemon.running(self.places)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: daemon.running(self.places) is None)

    def fault(self, kind: str, **arguments: object) -> str:
        """Ask for a fault on purpose; what the daemon says that it has done."""
        return fault_command.ask(self.places, kind, arguments)

    def kill_container(self, task_id: str) -> None:
        """As if the machine had failed under it: no signal that it could heed."""
        os.kill(self.row("SELECT pid FROM tasks WHERE task_id=?", task_id)[0], signal.SIGKILL)

    def row(self, query: str, *values: object) -> Any:
        """The first row that the daemon's own memory has for a query."""
        with contextlib.closing(sqlite3.connect(self.places.database, timeout=10)) as db:
            return db.execute(query, values).fetchone()

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self("status", "--json").stdout))

    def run_modal(self, *arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.warm().run(["-m", "modal", *arguments], directory or self.root, timeout=90)

    def modal(self, *arguments: str, directory: Path | None = None) -> str:
        result = self.run_modal(*arguments, directory=directory)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def deploy(self, app: Path) -> None:
        self.modal("deploy", str(app))

    def start(self, code: str, *arguments: object) -> "Script":
        """Run client code in a new process; its result is what it gives to ``say``."""
        return Script(self.warm().start(["-c", PRELUDE + code, *map(str, arguments)], self.root))

    def warm(self) -> WarmPython:
        """What a client with today's environment is forked from."""
        if self._warm is None or self._warm.environment != self.environment:
            self.cool()
            self._warm = WarmPython(self.environment, self.root)
        return self._warm

    def cool(self) -> None:
        """Let go of it."""
        if self._warm is not None:
            self._warm.close()
            self._warm = None

    def client(self, code: str, *arguments: object) -> Any:
        return self.start(code, *arguments).result()

    def log(self) -> str:
        return self.places.log_file.read_text()


class Script:
    """Client code that runs in a process of its own."""

    def __init__(self, process: Forked) -> None:
        self.process = process

    def result(self) -> Any:
        out, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return [json.loads(line[5:]) for line in out.splitlines() if line.startswith("said:")][-1]


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def make_cloud(**settings: str) -> Iterator[LocalCloud]:
    root = Path(tempfile.mkdtemp(prefix="lc-"))
    cloud = LocalCloud(root, **settings)
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.cool()
        cloud("down")
        shutil.rmtree(root, ignore_errors=True)
