"""What the watcher asks of the place where runs execute, as a protocol: it knows no modal.

LinkError           the place cannot be reached now; the same request may succeed later
NotDeployedError    the trainer app is not there
CallRefusedError    the place answered, and the answer is no
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tui_app.journal.records import LogLine
from tui_app.watcher.inference import CallState


class LinkError(RuntimeError):
    """Our link to the target, or the target itself, is down; one sentence says how it shows."""


class NotDeployedError(RuntimeError):
    """The trainer app is not deployed; the message says what deploys it."""


class CallRefusedError(RuntimeError):
    """The target refused what was asked, in its own words."""


class Calls(Protocol):
    """Calls of `train` and the containers that carry them out. LinkError from every method."""

    def check_deployed(self) -> None:
        """NotDeployedError if a run could not be spawned."""

    def spawn(self, run: str, config: Mapping[str, Any], intent: Mapping[str, Any]) -> str:
        """Make the call; its id. It returns before the call has started. NotDeployedError."""

    def state(self, call_id: str) -> CallState:
        """What became of a call, without reading its result."""

    def cancel(self, call_id: str, *, kill: bool = False) -> None:
        """End a call for good, without a retry; ``kill`` also ends its container."""

    def stop_container(self, task_id: str) -> None:
        """Interrupt one container as a preemption does; its input starts again elsewhere.
        CallRefusedError."""

    def logs(self, call_id: str, since: float) -> Sequence[LogLine]:
        """What the call's containers printed at or after ``since`` (unix seconds), oldest first."""
