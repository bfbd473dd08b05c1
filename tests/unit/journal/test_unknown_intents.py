"""An intent of another build keeps nobody from reading the others, and is refused by name."""

import contextlib
import sqlite3
import sys
from pathlib import Path

import msgspec
import pytest

from remote.vocabulary.commands import Intent, Outcome, OutcomeState, Verb
from remote.vocabulary.events import Event, encode
from tui_app import audit
from tui_app.journal.intents import IntentReader, IntentWriter, UnknownIntent
from tui_app.journal.reader import JournalReader
from tui_app.journal.records import Arrival, Row
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.lookup import Lookup, Topic, Wanted

sys.path.insert(0, str(Path(__file__).parents[1] / "watcher"))

from world import RUN, World


def asked(name: str, verb: Verb = Verb.STOP) -> Intent:
    return Intent(
        id=name, verb=verb, run=RUN, created_at=990.0, expires_at=9e9, by="ada", host="jump-1", attempt=1
    )


def write_unknown(path: Path, name: str, text: bytes | None = None) -> None:
    """As the viewer of a newer build does, whose verb we do not have."""
    IntentWriter(path).close()
    text = text or msgspec.json.encode(asked(name)).replace(b'"stop"', b'"rewind"')
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO intents VALUES (?, ?, 'rewind', ?, 990.0)", (name, RUN, text))


@pytest.fixture
def intents(tmp_path: Path) -> Path:
    path = tmp_path / "intents.db"
    with contextlib.closing(IntentWriter(path)) as writer:
        writer.write(asked("i1"))
        write_unknown(path, "i2")
        writer.write(asked("i3"))
    return path


def test_what_cannot_be_read_is_passed_over(intents: Path) -> None:
    reader = IntentReader(intents)
    assert [intent.id for _, intent in reader.read()] == ["i1", "i3"]
    assert [intent.id for intent in reader.pending({"i1"})] == ["i3"]


def test_what_can_be_told_of_it_is_told(intents: Path) -> None:
    _, (row, unknown), _ = IntentReader(intents).rows()
    assert isinstance(unknown, UnknownIntent)
    assert (row, unknown.id, unknown.run, unknown.verb) == (2, "i2", RUN, "rewind")
    assert (unknown.by, unknown.host, unknown.created_at) == ("ada", "jump-1", 990.0)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"not json", b"[1]", b'{"by": 3}'])
def test_also_of_one_that_is_damaged(tmp_path: Path, text: bytes) -> None:
    write_unknown(tmp_path / "intents.db", "i1", text)
    [(_, unknown)] = IntentReader(tmp_path / "intents.db").rows()
    assert (unknown.id, unknown.verb, unknown.by) == ("i1", "rewind", "?")


def test_a_watcher_refuses_it_by_name_and_carries_out_what_comes_after(tmp_path: Path) -> None:
    world = World(tmp_path)
    write_unknown(tmp_path / "intents.db", "newer")
    stop = world.ask(Verb.STOP)
    world.control.look()
    refused = world.reader.outcome("newer")
    assert refused is not None
    assert (refused.state, refused.detail) == (
        OutcomeState.REFUSED,
        "rewind is not known to this build of the watcher",
    )
    assert world.outcome(stop) == ("refused", "there is no run r7")


def test_more_of_them_than_are_read_at_once_hold_nothing_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number in range(120):
        write_unknown(tmp_path / "intents.db", f"n{number}")
    stop = world.ask(Verb.STOP)
    world.control.look()
    world.control.look()
    assert world.outcome(stop) is not None


def test_what_a_newer_watcher_has_sent_already_is_left_to_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    write_unknown(tmp_path / "intents.db", "newer")
    [(_, unknown)] = IntentReader(tmp_path / "intents.db").rows()
    sent = Outcome(intent="newer", state=OutcomeState.SENT, detail="being carried out", at=1.0)
    world.journal.record_outcome(unknown, sent)
    world.control.look()
    assert world.reader.outcome("newer") == sent


def test_outcomes_and_the_audit_show_a_verb_of_another_build_as_it_was_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.journal.say(RUN)
    write_unknown(tmp_path / "intents.db", "newer")
    world.ask(Verb.STOP, "r8")
    world.control.look()
    assert [str(row.verb) for row in world.reader.outcomes()] == ["rewind", "stop"]
    assert isinstance(world.reader.outcomes()[1].verb, Verb)
    readable = [intent for _, intent in IntentReader(tmp_path / "intents.db").read()]
    told = {deed.id: (deed.verb, deed.outcome) for deed in audit.deeds(world.reader, readable)}
    assert told["newer"] == ("rewind", "refused")


def test_a_row_that_comes_while_others_are_read_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    writer, reader = JournalWriter(path), JournalReader(path)
    look_up = Lookup(Wanted(Topic.HOST, (RUN,)), Locations("local", tmp_path))

    def sample(seq: int) -> None:
        event = Event(
            run=RUN, attempt=1, source="trainer", seq=seq, t=1.0, mono=1.0, type="host.sampled", data={}
        )
        writer.record(RUN, [Arrival(event, encode(event))])

    sample(1)
    events = reader.events

    def late(*about: object) -> list[Row]:
        if reader.newest_row() < 2:
            sample(2)
        return events(*about)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "events", late)
    counts = [len(look_up.read(reader)) for _ in range(3)]
    sample(3)
    assert [*counts, len(look_up.read(reader))] == [2, 0, 0, 1]
