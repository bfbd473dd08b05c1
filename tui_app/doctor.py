"""What is here, what is missing, what is wrong, each with its remedy. Changes nothing.

    for check in examine(locations, target=None): print(check.mark, check.name, check.detail)

It asks package metadata for versions and imports none of the heavy packages.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import stat
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tui_app import __version__
from tui_app.choosing import known_target
from tui_app.config import SettingError, load, modal_token_origin
from tui_app.journal.reader import JournalError, JournalReader
from tui_app.locations import Locations, config_file, local_cloud_state
from tui_app.render.formats import age, plural, size
from tui_app.subprocesses import ToolError, mount_ability
from tui_app.targets import CLOUD_IS_DOWN, cloud_running
from tui_app.text_safety import shown
from tui_app.watcher_launch import watcher_running

OK, NOTE, BAD = "ok", "--", "!!"
LARGE_JOURNAL_BYTES = 500_000_000
LOW_DISK_BYTES = 1_000_000_000
OLDEST_PYTHON = (3, 11)
NETWORK_FILESYSTEMS = ("nfs", "nfs4", "cifs", "smbfs", "afs", "9p", "fuse.sshfs", "lustre")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``mark`` is ok, -- (worth knowing) or !! (does not work)."""

    name: str
    mark: str
    detail: str

    @property
    def is_bad(self) -> bool:
        """Whether something does not work."""
        return self.mark == BAD

    def to_json(self) -> dict[str, str]:
        """Plain JSON values."""
        return asdict(self)


def examine(locations: Locations, target: str | None = None) -> list[Check]:
    """Every check, in the order in which a reader wants to know."""
    return [
        _python(),
        *(_package(name, needed) for name, needed in _PACKAGES),
        *_settings(target),
        _modal_token(locations),
        _state(locations),
        _filesystem(locations),
        _journal(locations),
        _disk(locations),
        _cloud(locations),
        _watcher(locations),
        _volumes(locations),
        _terminal(),
        _colours(),
    ]


_PACKAGES = (
    ("modal", True),
    ("textual", True),
    ("torch", False),
    ("transformers", False),
    ("wandb", False),
)


def _python() -> Check:
    mark = OK if sys.version_info >= OLDEST_PYTHON else BAD
    return Check(
        "python", mark, f"{platform.python_version()} at {sys.executable}, middlewatch {__version__}"
    )


def _package(name: str, needed: bool) -> Check:
    try:
        return Check(name, OK, shown(version(name), 40))
    except PackageNotFoundError:
        remedy = (
            "set it up with: make setup-base"
            if needed
            else "runs on this machine need it: make setup-trainer"
        )
        return Check(name, BAD if needed else NOTE, f"not installed; {remedy}")


def _settings(target: str | None) -> list[Check]:
    try:
        found = {**load({"target": target}), "target": known_target(target)}
    except SettingError as error:
        return [Check("settings", BAD, str(error))]
    exists = "read" if config_file().exists() else "none"
    checks = [
        Check(name.replace("_", "-"), OK, f"{s.value or 'none'} (from {s.origin})")
        for name, s in found.items()
    ]
    return [*checks, Check("config file", OK, f"{config_file()}: {exists}")]


def _modal_token(locations: Locations) -> Check:
    if locations.target == "local":
        return Check("token", OK, "the local cloud's own; your Modal token is not used")
    origin = modal_token_origin()
    if origin is None:
        return Check("token", BAD, "none; get one with: modal token new")
    return Check("token", OK, f"from {origin}")


def _state(locations: Locations) -> Check:
    state = locations.state
    if not state.exists():
        parent = next(path for path in state.parents if path.exists())
        able = os.access(parent, os.W_OK | os.X_OK)
        detail = f"{state}: not made yet" + ("" if able else f"; cannot write to {parent}")
        return Check("state", NOTE if able else BAD, detail)
    about = state.stat()
    mode = stat.S_IMODE(about.st_mode)
    detail = f"{state}, mode {mode:04o}"
    if about.st_uid != os.getuid():
        return Check("state", BAD, f"{detail}; it belongs to uid {about.st_uid}")
    if mode & 0o077:
        return Check("state", BAD, f"{detail}; it is open to others: chmod 700 {state}")
    writable = os.access(state, os.W_OK | os.X_OK)
    return Check("state", OK if writable else BAD, detail + ("" if writable else f"; chmod 700 {state}"))


def filesystem_of(path: Path) -> str:
    """The type of the file system that a path is, or would be, on; "unknown" where that is not told."""
    import psutil

    where = _existing(path)
    parts = sorted(psutil.disk_partitions(all=True), key=lambda part: len(part.mountpoint))
    holding = [part for part in parts if where.is_relative_to(part.mountpoint)]
    return holding[-1].fstype if holding else "unknown"


def _filesystem(locations: Locations) -> Check:
    kind = filesystem_of(locations.state)
    if kind in NETWORK_FILESYSTEMS:
        return Check("filesystem", BAD, f"{kind}: SQLite needs a local disk; set XDG_STATE_HOME to one")
    return Check("filesystem", OK, kind)


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path.resolve()


def _journal(locations: Locations) -> Check:
    files = [locations.journal, locations.journal.with_name(locations.journal.name + "-wal")]
    count = sum(file.stat().st_size for file in files if file.exists())
    if not count:
        return Check("journal", OK, "none yet")
    big = count > LARGE_JOURNAL_BYTES
    remedy = "; old runs can be thinned: middlewatch prune --older-than 30d" if big else ""
    return Check("journal", NOTE if big else OK, f"{locations.journal}, {size(count)}{remedy}")


def _disk(locations: Locations) -> Check:
    free = shutil.disk_usage(_existing(locations.state)).free
    return Check("disk", OK if free > LOW_DISK_BYTES else BAD, f"{size(free)} free")


def _cloud(locations: Locations) -> Check:
    if cloud_running():
        return Check("local cloud", OK, f"runs, state in {local_cloud_state()}")
    return Check("local cloud", NOTE, CLOUD_IS_DOWN)


def _watcher(locations: Locations) -> Check:
    running = watcher_running(locations)
    try:
        reader = JournalReader(locations.journal)
    except JournalError as error:
        return Check("watcher", NOTE if not running else OK, f"{'runs; ' if running else ''}{error}")
    with contextlib.closing(reader):
        status, runs = reader.status(), len(reader.views())
    known = plural(runs, "run") + " recorded"
    if status is None or not running:
        return Check("watcher", NOTE, f"none is recording; {known}")
    beat = age(time.time() - status.beat_at)
    if not status.reachable:
        return Check("watcher", BAD, f"pid {status.pid}: UNREACHABLE: {shown(status.detail, 200)}; {known}")
    stale = time.time() - status.beat_at > 15.0
    return Check("watcher", BAD if stale else OK, f"pid {status.pid}, last beat {beat} ago; {known}")


def _volumes(locations: Locations) -> Check:
    if locations.target == "modal":
        return Check("volumes", OK, "mounted by Modal")
    try:
        made = mount_ability()
        mark = OK if made["by"] == "bubblewrap" else NOTE
        return Check("volumes", mark, shown(f"mount paths by {made['by']}: {made['why']}", 300))
    except (ToolError, ValueError, KeyError, TypeError) as error:
        return Check("volumes", NOTE, f"how mount paths are made is not known: {shown(str(error), 200)}")


def _terminal() -> Check:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Check("terminal", NOTE, "none here: plain lines")
    with contextlib.suppress(OSError):
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        enough = columns >= 80 and rows >= 24
        needed = "" if enough else "; at least 80x24 is needed"
        return Check(
            "terminal", OK if enough else BAD, f"{columns}x{rows}, TERM={os.environ.get('TERM', '')}{needed}"
        )
    return Check("terminal", NOTE, "does not say its size")


def _colours() -> Check:
    if os.environ.get("NO_COLOR"):
        return Check("colours", OK, "off (NO_COLOR)")
    deep = os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
    many = "256" in os.environ.get("TERM", "")
    return Check("colours", OK, "16 million" if deep else ("256" if many else "16"))
