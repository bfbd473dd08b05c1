"""Directories at an app's own mount paths, in a view of the file system that one container has.

    command(mounts)     # ["bwrap", …]: what is put before the container's own command
    start(…)            # the process, and the pid of the program inside

It needs no root: where a mount point is missing and its parent cannot be written to, or is the root
directory, the parent is replaced by an empty one that shows everything which the real one has. So
nothing is left behind on the machine. It knows bubblewrap's command line, and no container.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote.local_cloud import processes

NAME = "bwrap"
PROBE = "/middlewatch-probe/of/mounts"
PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Mount:
    """``directory`` shall be seen at ``path``, an absolute one."""

    path: str
    directory: Path
    read_only: bool = False


def unusable() -> str | None:
    """Why bubblewrap cannot be used here, None if it can: found out by using it."""
    if shutil.which(NAME) is None:
        return "bubblewrap is not installed"
    inside = [*command([Mount(PROBE, Path("/"), read_only=True)]), "--", "test", "-e", f"{PROBE}/usr"]
    try:
        done = subprocess.run(inside, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    words = done.stderr.strip().splitlines()[:1]
    return None if done.returncode == 0 else f"bubblewrap does not work here: {' '.join(words)[:200]}"


def command(mounts: Iterable[Mount]) -> list[str]:
    """What runs a program so that it sees these mounts; ``--`` and the program come after."""
    ordered = sorted(mounts, key=lambda mount: mount.path)
    built = [NAME, "--dev-bind", "/", "/"]
    for ancestor in sorted({hidden for mount in ordered if (hidden := to_replace(mount.path))}):
        built = [NAME] if ancestor == "/" else built
        built += ["--tmpfs", ancestor, *_everything_in(ancestor)]
    for mount in ordered:
        built += ["--ro-bind" if mount.read_only else "--bind", str(mount.directory), mount.path]
    return [*built, "--new-session"]


def to_replace(path: str) -> str | None:
    """The existing directory above a missing mount point that must be replaced by one like it, None
    where the mount point is there or can be made."""
    ancestor = existing_ancestor(path)
    if ancestor == path or (ancestor != "/" and os.access(ancestor, os.W_OK | os.X_OK)):
        return None
    return ancestor


def existing_ancestor(path: str) -> str:
    """The path itself if it exists, else the nearest directory above it that does."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _everything_in(directory: str) -> list[str]:
    """Binds of all entries of a directory; a link stays a link."""
    built = []
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_symlink():
            built += ["--symlink", os.readlink(entry.path), entry.path]
        else:
            built += ["--dev-bind-try", entry.path, entry.path]
    return built


def start(
    prefix: Sequence[str], program: Sequence[str], environment: Mapping[str, str], directory: Path
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program in its view, as `processes.start` does: the wrapper, which ends when the program
    does, and the program's own pid, which leads a session. OSError if the view cannot be made."""
    told, tell = os.pipe()
    with open(told, "rb") as info:
        try:
            inside = [*prefix, "--info-fd", str(tell), "--", *program]
            wrapper = processes.start(inside, environment, directory, pass_fds=(tell,))
        finally:
            os.close(tell)
        content = info.read()
    if not content:
        wrapper.wait()
        raise OSError(f"no view for the container: {_last_line(directory / 'stderr')}")
    return wrapper, int(json.loads(content)["child-pid"])


def _last_line(path: Path) -> str:
    return (path.read_text(errors="replace").splitlines() or ["bubblewrap said nothing"])[-1][:300]
