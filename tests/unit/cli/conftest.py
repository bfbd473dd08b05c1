"""A private state directory for each test, and journals written as the watcher writes them."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "state"))

from standing_watcher import watcher  # noqa: F401 - a fixture for every test here

from remote.vocabulary.events import Event, encode
from tui_app.journal.records import Arrival
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations

Middlewatch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Everything of ours goes below a short temporary directory."""
    with tempfile.TemporaryDirectory(prefix="mw") as directory:
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
            monkeypatch.setenv(name, directory)
        for name in ("LOCAL_CLOUD_STATE", "MIDDLEWATCH_TARGET", "MODAL_TOKEN_ID", "MODAL_CONFIG_PATH"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", directory)
        monkeypatch.setenv("TERM", "xterm-256color")
        yield Path(directory)


@pytest.fixture
def locations(home: Path) -> Locations:
    made = Locations.of("local")
    made.prepare()
    return made


@pytest.fixture
def middlewatch(home: Path) -> Middlewatch:
    """The real command, in a process of its own, without a terminal."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tui_app", *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def record(locations: Locations, events: Sequence[Event], *, now: float | None = None) -> None:
    """Write events into the journal, moved in time so that the last one has just happened."""
    shift = (time.time() if now is None else now) - events[-1].t
    moved = [msgspec.structs.replace(event, t=event.t + shift) for event in events]
    writer = JournalWriter(locations.journal)
    for run in dict.fromkeys(event.run for event in moved):
        arrivals = [Arrival(event, encode(event)) for event in moved if event.run == run]
        writer.record(run, arrivals, sign_at=moved[-1].t)
    writer.close()


def in_terminal(
    arguments: list[str],
    columns: int,
    rows: int,
    typed: str = "",
    after: Mapping[str, str] | None = None,
    **environment: str,
) -> tuple[int, str]:
    """Run the command in a terminal of this size; its status and what the screen got. ``typed`` is
    typed at once, ``after`` once the screen has got the words that it is under."""
    waiting = dict(after or {})
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "tui_app", *arguments],
        env={**os.environ, **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    os.write(master, typed.encode())
    out = b""
    while piece := _read(master):
        out += piece
        for words in [words for words in waiting if words.encode() in out]:
            os.write(master, waiting.pop(words).encode())
    os.close(master)
    return process.wait(60), out.decode()


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # what Linux says when the other end is closed
        return b""
