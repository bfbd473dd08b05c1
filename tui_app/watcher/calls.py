"""What the watcher asks of the place where runs execute, as a protocol: it knows no modal.

LinkError           the place cannot be reached now; the same request may succeed later
NotDeployedError    the trainer app is not there
CallRefusedError    the place answered, and the answer is no
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from tui_app.journal.records import LogLine
from tui_app.watcher.inference import CallState

MAX_LOG_LINES = 5000
"""A fetch of logs that brings so many may have left off."""


class LinkError(RuntimeError):
    """Our link to the target, or the target itself, is down; one sentence says how it shows."""


class NotDeployedError(RuntimeError):
    """The trainer app is not deployed; the message says what deploys it."""


class CallRefusedError(RuntimeError):
    """The target refused what was asked, in its own words."""


class CallInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform tells of a call. ``task_id`` is the container that has it, empty while none has;
    ``function`` its function's name, empty if it is not told; a map has more ``inputs`` than one."""

    state: CallState
    task_id: str = ""
    function: str = ""
    inputs: int = 1


class SliceOf(msgspec.Struct, frozen=True, kw_only=True):
    """Slice ``number`` of an evaluation: ``count`` held-out prompts from ``first`` (0 is the first) on, with
    the checkpoint of ``step``."""

    run: str
    evaluation_id: str
    number: int
    first: int
    count: int
    step: int


class Calls(Protocol):
    """Calls of the trainer and the containers that carry them out. LinkError from every method."""

    def check_deployed(self) -> None:
        """NotDeployedError if a run could not be spawned."""

    def spawn(self, run: str, config: Mapping[str, Any], intent: Mapping[str, Any]) -> str:
        """Make the call; its id. It returns before the call has started. NotDeployedError."""

    def evaluate(self, part: SliceOf, gpu: str) -> str:
        """Make the call that scores a slice, on one ``gpu`` of this type (empty: as the class was deployed);
        its id. It returns before the call has started. NotDeployedError, also where the deployed trainer is
        too old for it."""

    def state(self, call_id: str) -> CallState:
        """What became of a call, without reading its result."""

    def describe(self, call_id: str) -> CallInfo:
        """As `state`, with where the call is and what it is a call of."""

    def calls_of(self, app_id: str) -> Mapping[str, CallInfo] | None:
        """The calls of an app that have printed something lately, oldest first; None for an unknown app.
        There is no public list of calls, so one that has printed nothing is not among them."""

    def cancel(self, call_id: str, *, kill: bool = False) -> None:
        """End a call for good, without a retry; ``kill`` also ends its container."""

    def stop_container(self, task_id: str) -> None:
        """Interrupt one container as a preemption does; its input starts again elsewhere.
        CallRefusedError."""

    def logs(self, call_id: str, since: float | None) -> Sequence[LogLine]:
        """What the call's containers printed at or after ``since`` (unix seconds; None is the call's
        beginning), oldest first. It leaves off after MAX_LOG_LINES, but not within a moment, and not before
        a second one: whoever asks again from the last line's moment on misses nothing and gets further."""
