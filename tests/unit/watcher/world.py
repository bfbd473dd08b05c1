"""A target in memory for the watcher's tests: tables that keep `remote.records`' contract, written
with the real records, and calls that are made of values. A trainer here is the real EventWriter."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from remote.records import keys, registry
from remote.records.attempt_claim import claim_attempt, claim_owner, record_end
from remote.records.errors import TableMissingError
from remote.records.event_log import EventWriter
from remote.vocabulary.commands import Intent, Verb
from remote.vocabulary.run_config import RunConfig
from remote.vocabulary.run_states import EndCause
from tui_app.journal.intents import IntentReader, IntentWriter
from tui_app.journal.reader import JournalReader
from tui_app.journal.records import LogLine
from tui_app.journal.writer import JournalWriter
from tui_app.watcher.calls import CallInfo, CallRefusedError, LinkError, NotDeployedError, SliceOf
from tui_app.watcher.control import Control
from tui_app.watcher.errand import Tools
from tui_app.watcher.evaluator import Evaluator
from tui_app.watcher.follower import Follower
from tui_app.watcher.inference import CallState

RUN = "r7"
CONFIG = RunConfig(steps=20)


class DictTable:
    """A Table over a dict; while the world's link is down every request is a LinkError."""

    def __init__(self, world: "World") -> None:
        self.world, self.entries, self.lock = world, {}, threading.Lock()

    def get(self, key: str) -> bytes | None:
        self.world.reach()
        return self.entries.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.world.reach()
        self.entries[key] = value

    def add(self, key: str, value: bytes) -> bool:
        self.world.reach()
        with self.lock:
            return self.entries.setdefault(key, value) is value

    def contents(self) -> dict[str, bytes]:
        self.world.reach()
        return dict(self.entries)


class World:
    """Clock, tables, calls and a journal. Time stands still until it is moved."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = 1000.0
        self.link_is_up = self.is_deployed = True
        self.tables: dict[str, DictTable] = {}
        self.states: dict[str, CallState] = {}
        self.tasks: dict[str, str] = {}
        self.spawned: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.evaluated: list[tuple[SliceOf, str]] = []
        self.cancelled: list[tuple[str, bool]] = []
        self.stopped: list[str] = []
        self.printed: list[LogLine] = []
        self.refuses_stop = ""
        self.woken: list[str] = []
        self.lose_spawn_replies = 0
        self.asked = 0
        self.open()

    def open(self) -> None:
        """As a new watcher does."""
        self.journal = JournalWriter(self.directory / "journal.db", clock=self.clock, mono=self.clock)
        self.reader = JournalReader(self.directory / "journal.db")
        self.tools = Tools(
            journal=self.journal,
            reader=self.reader,
            open_table=self.table,
            calls=self,
            wake=self.woken.append,
            clock=self.clock,
        )
        self.control = Control(IntentReader(self.directory / "intents.db"), self.tools)
        self.evaluator = Evaluator(self.tools, mono=self.clock)
        self.follower = Follower(RUN, self.journal, self.table, self, clock=self.clock, mono=self.clock)

    def restart(self) -> None:
        """A watcher that was killed, and the next one."""
        self.journal.close()
        self.open()

    def clock(self) -> float:
        return self.now

    def reach(self) -> None:
        if not self.link_is_up:
            raise LinkError("the target does not answer")

    def table(self, name: str, create: bool = True) -> DictTable:
        self.reach()
        if name not in self.tables and not create:
            raise TableMissingError(name)
        return self.tables.setdefault(name, DictTable(self))

    @property
    def records(self) -> DictTable:
        return self.table(keys.run_table(RUN))

    # what `tui_app.watcher.calls.Calls` asks for

    def check_deployed(self) -> None:
        self.reach()
        if not self.is_deployed:
            raise NotDeployedError("not deployed; run: middlewatch deploy")

    def spawn(self, run: str, config: Mapping[str, Any], intent: Mapping[str, Any]) -> str:
        self.check_deployed()
        self.spawned.append((run, dict(config), dict(intent)))
        call_id = f"fc-s{len(self.spawned)}"
        self.states[call_id] = CallState.PENDING
        if self.lose_spawn_replies:
            self.lose_spawn_replies -= 1
            raise LinkError("the reply was lost")
        return call_id

    def evaluate(self, part: SliceOf, gpu: str) -> str:
        self.check_deployed()
        self.evaluated.append((part, gpu))
        call_id = f"fc-e{len(self.evaluated)}"
        self.states[call_id] = CallState.PENDING
        if self.lose_spawn_replies:
            self.lose_spawn_replies -= 1
            raise LinkError("the reply was lost")
        return call_id

    @property
    def calls_of_slices(self) -> list[str]:
        return [f"fc-e{number}" for number in range(1, len(self.evaluated) + 1)]

    def state(self, call_id: str) -> CallState:
        self.reach()
        return self.states.get(call_id, CallState.UNKNOWN)

    def cancel(self, call_id: str, *, kill: bool = False) -> None:
        self.reach()
        self.cancelled.append((call_id, kill))

    def stop_container(self, task_id: str) -> None:
        self.reach()
        if self.refuses_stop:
            raise CallRefusedError(self.refuses_stop)
        self.stopped.append(task_id)

    def describe(self, call_id: str) -> CallInfo:
        state = self.state(call_id)
        return CallInfo(state=state, task_id=self.tasks.get(call_id, ""), function="Trainer.*")

    def calls_of(self, app_id: str) -> dict[str, CallInfo] | None:
        self.reach()
        return None if app_id != "ap-1" else {call: self.describe(call) for call in self.states}

    def logs(self, call_id: str, since: float | None) -> Sequence[LogLine]:
        self.reach()
        return [line for line in self.printed if since is None or line.t >= since]

    # what happens in it

    def reserve(self, generation: int = 1, *, call: bool = True, **about: Any) -> str:
        """A run that some watcher somewhere has spawned."""
        call_id = f"fc-{generation}"
        reservation = registry.Reservation(
            intent=f"in-{generation}",
            verb="spawn" if generation == 1 else "resume",
            by="ada",
            host="jump-1",
            config=CONFIG.to_json(),
            at=self.now,
            **about,
        )
        assert registry.reserve(self.records, reservation) == (generation, True)
        registry.register(self.table(keys.REGISTRY), RUN, "ada", "jump-1", self.now)
        if call:
            registry.record_call(self.records, generation, call_id, clock=self.clock)
            self.states[call_id] = CallState.PENDING
        return call_id

    def attempt(self, generation: int = 1, *, call_id: str = "", **about: Any) -> "Attempt":
        return Attempt(self, generation, call_id or f"fc-{generation}", **about)

    def ask(self, verb: Verb, run: str = RUN, *, attempt: int | None = None, **args: Any) -> Intent:
        """What a viewer writes."""
        self.asked += 1
        intent = Intent(
            id=f"i{self.asked}",
            verb=verb,
            run=run,
            attempt=attempt,
            args=args,
            created_at=self.now,
            expires_at=self.now + 60.0,
            by="ada",
            host="jump-1",
        )
        IntentWriter(self.directory / "intents.db").write(intent)
        return intent

    def look(self, *, later: float = 0.0) -> None:
        """Time passes, and the watcher looks at everything."""
        self.now += later
        self.follower.look()
        self.control.look()

    def told(self) -> list[str]:
        """What the journal tells of the run, as ``attempt type``; of alerts see `alerts`."""
        rows = [row.event for row in self.reader.events(RUN, limit=10_000)]
        return [f"{event.attempt} {event.type}" for event in rows if not event.type.startswith("alert.")]

    def alerts(self) -> list[str]:
        """The rules whose alerts were raised and, with a minus, cleared."""
        signs, types = {"alert.raised": "", "alert.cleared": "-"}, ["alert.raised", "alert.cleared"]
        rows = [row.event for row in self.reader.events(RUN, limit=10_000, types=types)]
        return [signs[event.type] + event.data["rule"] for event in rows]

    def last(self, type: str) -> dict[str, Any]:
        """The data of the newest event of a type."""
        return self.reader.events(RUN, limit=10_000, types=[type])[-1].event.data

    def outcome(self, intent: Intent) -> tuple[str, str] | None:
        outcome = self.reader.outcome(intent.id)
        return None if outcome is None else (outcome.state, outcome.detail)


class Attempt:
    """A trainer's attempt, with the real claim, event writer and last word."""

    def __init__(self, world: World, generation: int, call_id: str, *, resumed_from: int = 0) -> None:
        self.world = world
        assert claim_owner(world.records, generation, call_id, clock=world.clock)
        claim = claim_attempt(
            world.records,
            generation=generation,
            boot_id=f"boot-{id(self)}",
            call_id=call_id,
            task_id="ta-x",
            host="box",
            pid=1,
            now=world.now,
        )
        self.number = claim.number
        self.events = EventWriter(
            world.records,
            RUN,
            claim.number,
            boot_id=f"boot-{id(self)}",
            clock=world.clock,
            interval=0.0,
        )
        previous = claim.previous and {"attempt": claim.previous.number, "cause": claim.previous.cause}
        self.say(
            "attempt.claimed",
            call_id=call_id,
            task_id=f"ta-{claim.number}",
            host="box",
            resumed_from=resumed_from,
            retries_used=claim.retries_used,
            max_retries=3,
            preemptions=claim.preemptions,
            previous=previous,
        )

    def say(self, type: str, **data: Any) -> None:
        self.events.emit(type, **data)
        assert self.events.flush()

    def steps(self, first: int, last: int) -> None:
        for step in range(first, last + 1):
            self.events.emit("step.completed", step=step, of=20, metrics={"reward/mean": step / 20})
        assert self.events.flush()

    def commit(self, step: int, position: int) -> None:
        self.say(
            "volume.committed", step=step, name=f"s{step}", position=position, bytes=1, seconds=0.1, tries=1
        )

    def write_end(self, cause: EndCause, step: int) -> None:
        record_end(
            self.world.records,
            self.number,
            cause=cause,
            step=step,
            committed_step=0,
            evidence="SIGINT",
            will_retry=False,
            now=self.world.now,
        )
