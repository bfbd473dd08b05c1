"""`Calls` over the public modal client: the one place of the operator's side that knows it.

modal reads its configuration from the environment when it is imported, so the environment of the
target is set before this module is. Everything here blocks, and may be called from any plain thread.
No result of a call is ever fetched: it would be unpickled, in the process that holds the token.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import modal
from modal.exception import (
    AuthError,
    ClientClosed,
    ConnectionError,
    InternalError,
    InvalidError,
    NotFoundError,
    ServiceError,
)
from modal.exception import TimeoutError as ModalTimeoutError
from modal.types import InputInfo, InputStatus

from remote.records.errors import RecordError
from remote.records.tables import ModalTable
from tui_app.journal.records import LogLine
from tui_app.targets import TOKEN_REFUSED
from tui_app.watcher.calls import (
    MAX_LOG_LINES,
    CallInfo,
    CallRefusedError,
    LinkError,
    NotDeployedError,
    SliceOf,
)
from tui_app.watcher.inference import CallState

APP = "middlewatch-trainer"
PROFILE = "Trainer"
STOP_SECONDS = 60.0
APP_LOG_LINES = 2000
"""How many of an app's newest lines are searched for its calls."""
_NOT_DEPLOYED = f"the trainer app {APP} is not deployed on this target; run: middlewatch deploy"
_TOO_OLD = f"the deployed {APP} is too old for it; run: middlewatch deploy"
_STATES = {
    InputStatus.PENDING: CallState.PENDING,
    InputStatus.SUCCESS: CallState.SUCCESS,
    InputStatus.FAILURE: CallState.FAILURE,
    InputStatus.INIT_FAILURE: CallState.INIT_FAILURE,
    InputStatus.TERMINATED: CallState.TERMINATED,
    InputStatus.TIMEOUT: CallState.TIMEOUT,
}


@contextlib.contextmanager
def link() -> Iterator[None]:
    """Turn what the client raises when its server is out of reach into LinkError."""
    try:
        yield
    except AuthError as error:
        raise LinkError(f"{TOKEN_REFUSED}: {error}") from error
    except (ConnectionError, ServiceError, InternalError, ModalTimeoutError, ClientClosed, OSError) as error:
        raise LinkError(f"the target does not answer: {error}") from error
    except AttributeError as error:
        if not type(error.obj).__module__.startswith("grpclib"):
            raise
        # grpclib takes a connection apart when it is lost, also under a request that is being written
        raise LinkError("the target does not answer: the connection was lost") from error


class LinkedTable:
    """A modal.Dict whose network errors are LinkErrors."""

    def __init__(self, name: str, *, create: bool) -> None:
        with link():
            self._table = ModalTable.open(name, create=create)

    def get(self, key: str) -> bytes | None:
        """See `remote.records.tables.Table`."""
        with link():
            return self._table.get(key)

    def get_many(self, keys: Sequence[str]) -> list[bytes | RecordError | None]:
        """See `remote.records.tables.BulkTable`."""
        with link():
            return self._table.get_many(keys)

    def put(self, key: str, value: bytes) -> None:
        """See `remote.records.tables.Table`."""
        with link():
            self._table.put(key, value)

    def add(self, key: str, value: bytes) -> bool:
        """See `remote.records.tables.Table`."""
        with link():
            return self._table.add(key, value)

    def contents(self) -> dict[str, bytes]:
        """See `remote.records.tables.ListableTable`."""
        with link():
            return self._table.contents()


def open_table(name: str, create: bool) -> LinkedTable:
    """A table of the target; TableMissingError if it is not there and is not to be made."""
    return LinkedTable(name, create=create)


def workspace() -> str:
    """The name of the workspace that the client's token belongs to."""
    with link():
        return str(modal.Workspace.from_context().hydrate().name or "")


class ModalCalls:
    """See `tui_app.watcher.calls.Calls`."""

    def check_deployed(self) -> None:
        """See `Calls.check_deployed`."""
        with link(), _deployed():
            modal.Cls.from_name(APP, PROFILE).hydrate()

    def spawn(self, run: str, config: Mapping[str, Any], intent: Mapping[str, Any]) -> str:
        """See `Calls.spawn`."""
        with link(), _deployed():
            trainer = modal.Cls.from_name(APP, PROFILE)()
            call = trainer.train.spawn(run, dict(config), dict(intent))
        return str(call.object_id)

    def evaluate(self, part: SliceOf, gpu: str) -> str:
        """See `Calls.evaluate`. With another GPU than the class's it is a container pool of its own, for
        which no snapshot fits; eight of them idle under one slice would cost more than that."""
        trainer = modal.Cls.from_name(APP, PROFILE)
        if gpu:
            trainer = trainer.with_options(gpu=gpu)
        about = (part.run, part.evaluation_id, part.number, part.first, part.count, part.step)
        try:
            with link():
                call = trainer().evaluate_slice.spawn(*about)
        except NotFoundError as error:
            self.check_deployed()
            raise NotDeployedError(_TOO_OLD) from error
        return str(call.object_id)

    def state(self, call_id: str) -> CallState:
        """See `Calls.state`."""
        return self.describe(call_id).state

    def describe(self, call_id: str) -> CallInfo:
        """See `Calls.describe`."""
        try:
            with link():
                inputs = modal.FunctionCall.from_id(call_id).get_call_graph()
        except (NotFoundError, InvalidError):
            return CallInfo(state=CallState.UNKNOWN)
        return in_graph(call_id, inputs)

    def calls_of(self, app_id: str) -> dict[str, CallInfo] | None:
        """See `Calls.calls_of`."""
        try:
            with link():
                lines = list(modal.App.lookup(app_id).logs.tail(APP_LOG_LINES))
        except (NotFoundError, InvalidError):
            return None
        calls = dict.fromkeys(each for line in lines for each in line.context_ids if each.startswith("fc-"))
        return {call: self.describe(call) for call in calls}

    def cancel(self, call_id: str, *, kill: bool = False) -> None:
        """See `Calls.cancel`."""
        with link(), contextlib.suppress(NotFoundError):
            modal.FunctionCall.from_id(call_id).cancel(terminate_containers=kill)

    def stop_container(self, task_id: str) -> None:
        """See `Calls.stop_container`. There is no public Python call for it, so it is the CLI's."""
        command = [sys.executable, "-m", "modal", "container", "stop", task_id, "--yes"]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=STOP_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise LinkError(f"the target did not answer within {STOP_SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise CallRefusedError(_last_line(done.stderr or done.stdout))

    def logs(self, call_id: str, since: float | None) -> list[LogLine]:
        """See `Calls.logs`."""
        lines: list[LogLine] = []
        with link():
            logs = modal.FunctionCall.from_id(call_id).logs
            for entry in logs.fetch(since=None if since is None else datetime.fromtimestamp(since, UTC)):
                t = entry.timestamp.timestamp()
                if len(lines) >= MAX_LOG_LINES and t > lines[-1].t > lines[0].t:
                    break
                task = next((each for each in entry.context_ids if each.startswith("ta-")), "")
                words = entry.message.splitlines()
                lines += [LogLine(t, entry.source, text, task_id=task) for text in words]
        return lines


def in_graph(call_id: str, graph: Sequence[InputInfo]) -> CallInfo:
    """What a call graph tells of a call, which may be a child of another one. A map is pending while one
    of its inputs is, and as bad as the worst of them after that."""
    own, ahead = list[InputInfo](), list(graph)
    while ahead:
        each = ahead.pop()
        ahead += each.children
        own += [each] if each.function_call_id == call_id else []
    if not own:
        return CallInfo(state=CallState.PENDING)
    states = {_STATES.get(each.status, CallState.PENDING): each for each in own}
    done = states.pop(CallState.SUCCESS, None)
    state = CallState.PENDING if CallState.PENDING in states else next(iter(states), CallState.SUCCESS)
    shown = states.get(state, done) or own[0]
    return CallInfo(state=state, task_id=shown.task_id, function=shown.function_name, inputs=len(own))


@contextlib.contextmanager
def _deployed() -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise NotDeployedError(_NOT_DEPLOYED) from error


def _last_line(text: str) -> str:
    words = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    lines = [line.strip(" │╭╮╰╯─") for line in words.splitlines()]
    return next((line for line in reversed(lines) if line), "it gave no reason")
