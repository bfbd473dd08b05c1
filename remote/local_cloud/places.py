"""Where a local cloud keeps itself, and what a client must know to reach it.

All paths are private to the user (0700, 0600). A unix socket's path may have 108 bytes at most, so
sockets move to a short directory of their own where the state directory's path is long.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_SOCKET_PATH = 100


class PlaceError(RuntimeError):
    """A directory cannot be used, with the reason in words."""


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one local cloud."""

    state: Path

    @classmethod
    def default(cls) -> Places:
        """Under the XDG state directory, or where LOCAL_CLOUD_STATE says."""
        given = os.environ.get("LOCAL_CLOUD_STATE")
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return cls(Path(given) if given else base / "middlewatch" / "local-cloud")

    @property
    def client_file(self) -> Path:
        """How to reach the daemon: `client.json`."""
        return self.state / "client.json"

    @property
    def lock_file(self) -> Path:
        """Held by the one daemon of this directory."""
        return self.state / "daemon.lock"

    @property
    def status_file(self) -> Path:
        """What the daemon last said of itself."""
        return self.state / "status.json"

    @property
    def database(self) -> Path:
        """The daemon's memory."""
        return self.state / "cloud.db"

    @property
    def containers(self) -> Path:
        """A directory for each live container."""
        return self.state / "containers"

    @property
    def log_file(self) -> Path:
        """The daemon's own log."""
        return self.state / "daemon.log"

    def prepare(self) -> None:
        """Make the directory, or say why it cannot be used."""
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.state.chmod(0o700)
            probe = self.state / ".writable"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            raise PlaceError(f"cannot write to {self.state}: {error.strerror}") from error

    def sockets(self) -> Path:
        """A private directory short enough for sockets."""
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        tag = hashlib.sha256(str(self.state).encode()).hexdigest()[:8]
        candidates = [self.state / "sockets"]
        if runtime:
            candidates.insert(0, Path(runtime) / f"middlewatch-{tag}")
        for candidate in [*candidates, Path(tempfile.gettempdir()) / f"middlewatch-{os.getuid()}-{tag}"]:
            if len(str(candidate)) + len("/control.sock") <= MAX_SOCKET_PATH and _own_directory(candidate):
                return candidate
        raise PlaceError(f"no directory for sockets: the paths below {self.state} are too long")

    def token(self) -> tuple[str, str]:
        """This cloud's token, made once."""
        path = self.state / "token.json"
        if not path.exists():
            write_private(path, json.dumps([f"ak-{secrets.token_hex(11)}", f"as-{secrets.token_hex(22)}"]))
        token_id, token_secret = json.loads(path.read_text())
        return token_id, token_secret

    def client(self) -> dict[str, Any] | None:
        """What `client.json` says, None if there is none."""
        try:
            content: dict[str, Any] = json.loads(self.client_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return content


def _own_directory(path: Path) -> bool:
    """Make a private directory, or accept one that is ours and closed to others."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        stat = path.lstat()
    except OSError:
        return False
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o077 and path.is_dir() and not path.is_symlink()


def write_private(path: Path, content: str | bytes) -> None:
    """Replace a file of ours, readable by us alone."""
    temporary = path.with_suffix(".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    temporary.rename(path)
