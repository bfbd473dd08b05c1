"""Where the modal client of a target is pointed: the environment that it reads when it is imported.

    client_environment("local")     # the local cloud's socket and token; TargetDownError if it is down
    client_environment("modal")     # {}: the operator's own Modal configuration

A viewer may use it: it reads one small file and imports no modal.
"""

from __future__ import annotations

from typing import Any

from tui_app.locations import TARGETS, local_cloud_state

TOKEN_REFUSED = "the target refused the token"
"""How the detail of a link begins whose token is wrong."""
CLOUD_IS_DOWN = "the local cloud is not running; start it with: middlewatch cloud up"


class TargetDownError(RuntimeError):
    """The target cannot be reached at all; the message says what starts it."""


def client_environment(target: str) -> dict[str, str]:
    """Variables to set for a process that will talk to ``target``. TargetDownError, or ValueError
    for a target that does not exist."""
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; allowed is {' or '.join(TARGETS)}")
    if target != "local":
        return {}
    client = _live_client()
    if client is None:
        raise TargetDownError(CLOUD_IS_DOWN)
    return {str(name): str(value) for name, value in client["environment"].items()}


def cloud_running() -> bool:
    """Whether the local cloud's daemon is alive."""
    return _live_client() is not None


def _live_client() -> dict[str, Any] | None:
    """The daemon's `client.json`, if the process that wrote it still lives."""
    import json

    import psutil  # 20 ms that most of a viewer's calls do not need

    try:
        client: dict[str, Any] = json.loads((local_cloud_state() / "client.json").read_text())
        process = psutil.Process(int(client["pid"]))
        same = abs(process.create_time() - float(client["pid_created"])) < 0.05
        alive = same and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return client if alive and isinstance(client.get("environment"), dict) else None
