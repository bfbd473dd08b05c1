"""Every path that Middlewatch uses on the operator's side, by the XDG rules, one set a target.

    Locations.of("local").journal      # ~/.local/state/middlewatch/local/journal.db

Directories are made 0700; one that others can read or that is not ours is refused, as ssh does.
The files are SQLite's and belong on a node-local disk.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

TARGETS = ("local", "modal")


class UnsafeStateError(RuntimeError):
    """A state directory cannot be used; the message names it and says why."""


def state_home() -> Path:
    """``$XDG_STATE_HOME/middlewatch``."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "middlewatch"


def config_file() -> Path:
    """``$XDG_CONFIG_HOME/middlewatch/config.toml``; it need not exist."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "middlewatch" / "config.toml"


def local_cloud_state() -> Path:
    """Where the local cloud keeps itself (its own module decides the same way)."""
    given = os.environ.get("LOCAL_CLOUD_STATE")
    return Path(given) if given else state_home() / "local-cloud"


class Locations(msgspec.Struct, frozen=True):
    """The files of one target."""

    target: str
    state: Path

    @classmethod
    def of(cls, target: str) -> Locations:
        """The files of ``local`` or ``modal``."""
        return cls(target, state_home() / target)

    @property
    def journal(self) -> Path:
        """What the watcher writes and viewers read."""
        return self.state / "journal.db"

    @property
    def intents(self) -> Path:
        """What viewers write and the watcher reads."""
        return self.state / "intents.db"

    @property
    def watcher_lock(self) -> Path:
        """Held by the one watcher of this target for as long as it lives."""
        return self.state / "watcher.lock"

    @property
    def watcher_log(self) -> Path:
        """The watcher's own log."""
        return self.state / "watcher.log"

    @property
    def deployed(self) -> Path:
        """Fingerprint of the trainer app that was deployed last."""
        return self.state / "deployed.json"

    def prepare(self) -> None:
        """Make the directory private, or raise UnsafeStateError."""
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            stat = self.state.stat()
        except OSError as error:
            raise UnsafeStateError(f"cannot use {self.state}: {error.strerror}") from error
        if stat.st_uid != os.getuid():
            raise UnsafeStateError(f"{self.state} belongs to another user (uid {stat.st_uid})")
        if stat.st_mode & 0o077:
            raise UnsafeStateError(f"{self.state} is open to others; close it with: chmod 700 {self.state}")
        if not os.access(self.state, os.W_OK | os.X_OK):
            raise UnsafeStateError(f"cannot write to {self.state}; make it writable: chmod 700 {self.state}")
