"""An intent is on disk before the operator is told so, and read in the order of asking."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from remote.vocabulary.commands import Intent, Verb
from tui_app.journal.intents import IntentReader, IntentWriter
from tui_app.journal.schema import JournalDamagedError


def intent(name: str) -> Intent:
    return Intent(
        id=name,
        verb=Verb.RESUME,
        run="r7",
        args={"from_step": 40},
        created_at=10.0,
        expires_at=70.0,
        by="ada",
        host="jump-1",
    )


def test_intents_are_read_in_order_and_from_a_row_on(tmp_path: Path) -> None:
    writer, reader = IntentWriter(tmp_path / "intents.db"), IntentReader(tmp_path / "intents.db")
    for name in ("a", "b", "c"):
        writer.write(intent(name))
    rows = reader.read()
    assert [asked for _, asked in rows] == [intent("a"), intent("b"), intent("c")]
    assert [asked.id for _, asked in reader.read(after_row=rows[1][0])] == ["c"]
    assert [asked.id for asked in reader.pending({"b"})] == ["a", "c"]


def test_the_same_intent_written_twice_is_one(tmp_path: Path) -> None:
    writer = IntentWriter(tmp_path / "intents.db")
    writer.write(intent("a"))
    writer.write(intent("a"))
    assert len(IntentReader(tmp_path / "intents.db").read()) == 1


def test_a_file_that_nobody_made_yet_reads_as_empty_and_then_as_what_is_in_it(tmp_path: Path) -> None:
    reader = IntentReader(tmp_path / "intents.db")
    assert reader.read() == []
    IntentWriter(tmp_path / "intents.db").write(intent("a"))
    assert [asked.id for _, asked in reader.read()] == ["a"]


def test_viewers_at_the_same_moment_all_get_their_intent_written(tmp_path: Path) -> None:
    path = tmp_path / "intents.db"

    def ask(viewer: int) -> None:
        writer = IntentWriter(path)
        for number in range(5):
            writer.write(intent(f"{viewer}-{number}"))
        writer.close()

    with ThreadPoolExecutor(6) as viewers:
        list(viewers.map(ask, range(6)))
    assert len(IntentReader(path).read()) == 30


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "intents.db"
    path.write_bytes(b"x" * 4096)
    with pytest.raises(JournalDamagedError, match="move it away"):
        IntentReader(path).read()
