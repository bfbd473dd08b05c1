"""Function calls and their inputs: what was asked, by whom it is run, what came out.

Every transition is decided by `scheduler` and stored before anybody is told. It knows function ids
and container ids as strings; it starts no container.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass

from modal_proto import api_pb2

from remote.local_cloud import clocks, scheduler
from remote.local_cloud.ids import new_id
from remote.local_cloud.input_tokens import input_token
from remote.local_cloud.outputs import OutputOf, Outputs
from remote.local_cloud.pulse import Pulse
from remote.local_cloud.scheduler import Gone, InputState, InputStatus, Retry
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS calls(
  call_id TEXT PRIMARY KEY, function_id TEXT NOT NULL, app_id TEXT NOT NULL, parent_input TEXT,
  kind INTEGER NOT NULL, invocation INTEGER NOT NULL, created_at REAL NOT NULL, cancelled_at REAL);
CREATE TABLE IF NOT EXISTS inputs(
  input_id TEXT PRIMARY KEY, call_id TEXT NOT NULL, function_id TEXT NOT NULL, idx INTEGER NOT NULL,
  payload BLOB NOT NULL, status TEXT NOT NULL, retry_count INTEGER NOT NULL, due REAL NOT NULL,
  task_id TEXT, crashes INTEGER NOT NULL, started_at REAL, UNIQUE(call_id, idx));
CREATE INDEX IF NOT EXISTS inputs_open ON inputs(function_id, status) WHERE status <> 'done';
CREATE INDEX IF NOT EXISTS calls_of_input ON calls(parent_input) WHERE parent_input IS NOT NULL;
"""

Result = api_pb2.GenericResult
SYNC = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
CANCELLED = "the call was cancelled"
APP_STOPPED = "the app was stopped"
FAILURES = (
    Result.GENERIC_STATUS_FAILURE,
    Result.GENERIC_STATUS_TIMEOUT,
    Result.GENERIC_STATUS_INTERNAL_FAILURE,
)


@dataclass(frozen=True, slots=True)
class Input:
    """One input as stored, with its standing."""

    input_id: str
    call_id: str
    function_id: str
    idx: int
    payload: bytes
    invocation: int
    cancelled_at: float | None
    state: InputState

    @property
    def client_retries(self) -> bool:
        """Whether the client, who waits for the result, decides over further tries."""
        return self.invocation == SYNC


class Calls:
    """All calls of this cloud. ``changed`` beats after every stored change; ``retry_of`` tells a
    function's retry policy; ``outputs`` is what came out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db
        store.define(_TABLES)
        self.outputs = Outputs(store)
        self.changed = Pulse()
        self.retry_of: Callable[[str], Retry] = lambda function_id: Retry()

    def create(self, function_id: str, app_id: str, request: api_pb2.FunctionMapRequest) -> str:
        """A new call without inputs; its id."""
        call_id = new_id("fc")
        self._db.execute(
            "INSERT INTO calls VALUES(?,?,?,?,?,?,?,NULL)",
            (
                call_id,
                function_id,
                app_id,
                request.parent_input_id or None,
                request.function_call_type,
                request.function_call_invocation_type,
                clocks.wall(),
            ),
        )
        return call_id

    def put(
        self, call_id: str, items: Iterable[api_pb2.FunctionPutInputsItem]
    ) -> list[api_pb2.FunctionPutInputsResponseItem]:
        """Accept inputs of a call; one that has been accepted keeps its id."""
        call = self.call(call_id)
        accepted = []
        with self._store.transaction() as db:
            for item in items:
                values = (
                    new_id("in"),
                    call_id,
                    call["function_id"],
                    item.idx,
                    item.input.SerializeToString(),
                )
                db.execute(
                    "INSERT OR IGNORE INTO inputs VALUES(?,?,?,?,?,'pending',0,0,NULL,0,NULL)",
                    values,
                )
                row = db.execute("SELECT input_id FROM inputs WHERE call_id=? AND idx=?", (call_id, item.idx))
                input_id = row.fetchone()["input_id"]
                accepted.append(
                    api_pb2.FunctionPutInputsResponseItem(
                        idx=item.idx, input_id=input_id, input_jwt=input_token(input_id, item.idx)
                    )
                )
        self.changed.beat()
        return accepted

    def call(self, call_id: str) -> sqlite3.Row:
        """The call's row; KeyError if there is none."""
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM calls WHERE call_id=?", (call_id,)
        ).fetchone()
        if row is None:
            raise KeyError(call_id)
        return row

    def take(self, function_id: str, task_id: str, now: float) -> Input | None:
        """Give the oldest startable input of a function to a container, None if there is none."""
        found = self._select(
            "i.function_id=? AND i.status<>'done' "
            "AND (i.status='pending' OR i.status='delayed' AND i.due<=?) ORDER BY i.rowid LIMIT 1",
            (function_id, now),
        )
        if not found:
            return None
        self._save(found[0].input_id, scheduler.start(found[0].state, task_id, now))
        return found[0]

    def put_output(self, task_id: str, item: api_pb2.FunctionPutOutputsItem, now: float) -> None:
        """Take a container's output; ignored from a container that does not hold the input, and for
        a try that is over. An input is told to end only for its timeout or because its call was
        cancelled; a cancelled call is not tried again."""
        held = self.input(item.input_id)
        if item.retry_count != held.state.retry_count:
            return
        result, cancelled = item.result, held.cancelled_at is not None
        if result.status == Result.GENERIC_STATUS_TERMINATED and not cancelled:
            result = Result(status=Result.GENERIC_STATUS_TIMEOUT, exception="the input ran into its timeout")
        over = cancelled or held.client_retries or result.status not in FAILURES
        retry = self.retry_of(held.function_id)
        after = scheduler.output(held.state, task_id, success=over, retry=retry, now=now)
        if after == held.state:
            return
        with self._store.transaction():
            self._save(held.input_id, after)
            if after.status is InputStatus.DONE:
                self.outputs.publish(_name(held), result, item, task_id)
        self.changed.beat()

    def committed(self, task_id: str, now: float) -> None:
        """A container has published a change of a volume."""
        for held in self.held_by(task_id):
            after = scheduler.committed(held.state, task_id, now)
            if after != held.state:
                self._save(held.input_id, after)

    def container_gone(self, task_id: str, why: Gone, now: float) -> list[Input]:
        """Give back what the container held; the inputs that this ended (crashed too often)."""
        ended = []
        for held in self.held_by(task_id):
            if held.cancelled_at is not None:
                self.finish([held], Result(status=Result.GENERIC_STATUS_TERMINATED, exception=CANCELLED))
                continue
            after = scheduler.gone(held.state, task_id, why, now)
            with self._store.transaction():
                self._save(held.input_id, after)
                if after.status is InputStatus.DONE:
                    text = f"the container crashed {after.crashes} times in a row"
                    self.outputs.publish(_name(held), Result(status=_crash_status(held), exception=text))
                    ended.append(held)
        self.changed.beat()
        return ended

    def retry(self, items: Iterable[tuple[str, int]]) -> None:
        """Try inputs again because their client asks for it: (input id, number of the try; 0 for
        the next one). What a try before has put out is forgotten."""
        with self._store.transaction():
            for input_id, count in items:
                held = self.input(input_id)
                after = scheduler.retry(held.state, count or held.state.retry_count + 1)
                if after != held.state and held.cancelled_at is None:
                    self._save(input_id, after)
                    self.outputs.forget(input_id)
        self.changed.beat()

    def finish(self, inputs: Iterable[Input], result: api_pb2.GenericResult) -> None:
        """End inputs with one result whatever they are doing."""
        with self._store.transaction():
            for held in inputs:
                if held.state.status is not InputStatus.DONE:
                    self._save(held.input_id, scheduler.finish(held.state))
                    self.outputs.publish(_name(held), result)
        self.changed.beat()

    def mark_cancelled(self, call_id: str) -> None:
        """Note when a call was cancelled."""
        self._db.execute("UPDATE calls SET cancelled_at=? WHERE call_id=?", (clocks.now(), call_id))

    def unfinished(self, call_id: str) -> int:
        """How many inputs of a call are not done."""
        row = self._db.execute("SELECT count(*) FROM inputs WHERE call_id=? AND status<>'done'", (call_id,))
        return int(row.fetchone()[0])

    def total(self, call_id: str) -> int:
        """How many inputs a call has."""
        return int(self._db.execute("SELECT count(*) FROM inputs WHERE call_id=?", (call_id,)).fetchone()[0])

    def inputs_of(self, call_id: str) -> list[Input]:
        """All inputs of a call, without payloads."""
        return self._select("i.call_id=? ORDER BY i.idx", (call_id,), payload="x''")

    def held_by(self, task_id: str) -> list[Input]:
        """What a container is running."""
        return self._select("i.status<>'done' AND i.task_id=? AND i.status='running'", (task_id,))

    def waiting(self, now: float) -> Counter[str]:
        """Function id → how many of its inputs could start now."""
        rows = self._db.execute(
            "SELECT function_id, count(*) AS n FROM inputs WHERE status<>'done' "
            "AND (status='pending' OR status='delayed' AND due<=?) GROUP BY function_id",
            (now,),
        )
        return Counter({row["function_id"]: row["n"] for row in rows})

    def running(self) -> list[Input]:
        """What containers are running, without payloads."""
        return self._select("i.status<>'done' AND i.status='running'", (), payload="x''")

    def count_open(self) -> int:
        """How many inputs are not done."""
        return int(self._db.execute("SELECT count(*) FROM inputs WHERE status<>'done'").fetchone()[0])

    def open_inputs(self) -> list[Input]:
        """Everything that is not done, oldest first, without payloads."""
        return self._select("i.status<>'done' ORDER BY i.rowid", (), payload="x''")

    def next_due(self) -> float | None:
        """When the next delayed input may start, in unix seconds."""
        row = self._db.execute(
            "SELECT min(due) FROM inputs WHERE status<>'done' AND status='delayed'"
        ).fetchone()
        return row[0]  # type: ignore[no-any-return]

    def input(self, input_id: str) -> Input:
        """One input; KeyError if there is none."""
        found = self._select("i.input_id=?", (input_id,))
        if not found:
            raise KeyError(input_id)
        return found[0]

    def _select(self, where: str, values: tuple[object, ...], payload: str = "i.payload") -> list[Input]:
        query = (
            f"SELECT i.input_id, i.call_id, i.function_id, i.idx, {payload} AS payload, i.status, "
            "i.retry_count, i.due, i.task_id, i.crashes, i.started_at, c.invocation, c.cancelled_at "
            f"FROM inputs i JOIN calls c USING(call_id) WHERE {where}"
        )
        return [_input(row) for row in self._db.execute(query, values)]

    def _save(self, input_id: str, state: InputState) -> None:
        self._db.execute(
            "UPDATE inputs SET status=?, retry_count=?, due=?, task_id=?, crashes=?, started_at=? "
            "WHERE input_id=?",
            (*astuple(state), input_id),
        )


def _name(held: Input) -> OutputOf:
    return OutputOf(held.call_id, held.idx, held.input_id, held.state.retry_count)


def _crash_status(held: Input) -> Result.GenericStatus.ValueType:
    """How a crash loop ends: a client with retries of its own repeats an internal failure for ever."""
    return Result.GENERIC_STATUS_FAILURE if held.client_retries else Result.GENERIC_STATUS_INTERNAL_FAILURE


def _input(row: sqlite3.Row) -> Input:
    state = InputState(
        status=InputStatus(row["status"]),
        retry_count=row["retry_count"],
        due=row["due"],
        task_id=row["task_id"],
        crashes=row["crashes"],
        started_at=row["started_at"],
    )
    own = ("input_id", "call_id", "function_id", "idx", "payload", "invocation", "cancelled_at")
    return Input(**{name: row[name] for name in own}, state=state)
