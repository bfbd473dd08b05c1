"""The programs that Middlewatch starts for the operator: the local cloud's daemon and the modal client.

    run_cloud("up")                    # python -m remote.local_cloud up
    deploy(locations, "local")         # python -m modal deploy -m remote.trainer_app
    ensure_deployed(locations)         # the same, if this local cloud does not have this code yet

They are processes and not imports, so that a viewer stays small and what they print passes through
`text_safety`. Tokens travel in the environment, never in arguments.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from remote import vocabulary
from tui_app.locations import Locations, local_cloud_state
from tui_app.targets import client_environment, cloud_running
from tui_app.text_safety import plain_lines, redact

TRAINER_MODULE = "remote.trainer_app"
LAST_WORDS = 12


class ToolError(RuntimeError):
    """A program that we started failed; the message ends with its last words."""


def run_cloud(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One call of the local cloud's own command line, with what it printed."""
    return _run([sys.executable, "-m", "remote.local_cloud", *arguments], {})


def cloud_up() -> None:
    """Start the local cloud if it does not run. ToolError."""
    done = run_cloud("up")
    if done.returncode:
        raise ToolError(f"the local cloud did not start:\n{last_words(done)}")


def deploy(locations: Locations, target: str) -> str:
    """Deploy the trainer app; gives what modal printed. ToolError, TargetDownError."""
    environment = client_environment(target)
    command = [sys.executable, "-m", "modal", "deploy", "-m", TRAINER_MODULE]
    done = _run(command, {**environment, "NO_COLOR": "1", "COLUMNS": "100"})
    if done.returncode:
        raise ToolError(f"the trainer app could not be deployed:\n{last_words(done)}")
    locations.prepare()
    temporary = locations.deployed.with_suffix(".tmp")
    temporary.write_text(json.dumps({"fingerprint": fingerprint(environment)}))
    temporary.replace(locations.deployed)
    return done.stdout


def ensure_deployed(locations: Locations, on_start: Callable[[], object] = lambda: None) -> bool:
    """Deploy to the local cloud unless it has this code; True if it was needed."""
    environment = client_environment("local")
    try:
        known = json.loads(locations.deployed.read_text()).get("fingerprint")
    except (OSError, ValueError, AttributeError):
        known = None
    if known == fingerprint(environment):
        return False
    on_start()
    deploy(locations, "local")
    return True


def mount_ability() -> dict[str, str]:
    """What makes an app's mount paths on this machine, and why (``by``, ``why``): the running local
    cloud's word, else found out for one that would be started now. ToolError, ValueError."""
    with contextlib.suppress(OSError, KeyError):
        if cloud_running():
            told: dict[str, str] = json.loads((local_cloud_state() / "status.json").read_text())["mounts"]
            return told
    done = _run([sys.executable, "-m", "remote.local_cloud.mount_paths"], {})
    if done.returncode:
        raise ToolError(f"the local cloud's own look at mount paths failed:\n{last_words(done)}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def fingerprint(environment: dict[str, str]) -> str:
    """What was deployed, where to: the code under ``remote`` and the server with its token."""
    digest = hashlib.sha256()
    root = Path(vocabulary.__path__[0]).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    digest.update(json.dumps(sorted(environment.items())).encode())
    return digest.hexdigest()


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The end of what a program printed, safe to show."""
    lines = [line for line in plain_lines(redact(done.stdout + done.stderr)) if line.strip()]
    return "\n".join(lines[-LAST_WORDS:])


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
