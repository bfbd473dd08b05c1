"""A dashboard that breaks leaves no local variable, and with it no token, in the scrollback."""

from __future__ import annotations

import io

import pytest
from conftest import Open
from run_story import Journal

from tui_app.desk import Desk
from tui_app.journal.reader import JournalReader, RunSummary
from tui_app.locations import Locations

SECRET = "Bearer hf_abcdefghijklmnopqrstuvwx"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(self: Desk, news: object) -> None:
        token = SECRET
        raise ValueError(f"cannot lay this out, {len(token)}")

    monkeypatch.setattr(Desk, "put", put)


async def crash(open_board: Open, said: io.StringIO) -> None:
    async with open_board() as board:
        board.app.error_console.file = said
        await board.until(lambda: board.app._exception)


async def test_a_crash_says_two_lines_and_writes_a_private_report(
    journal: Journal, open_board: Open, locations: Locations, broken: None
) -> None:
    said = io.StringIO()
    with pytest.raises(ValueError, match="cannot lay this out"):
        await crash(open_board, said)
    (report,) = (locations.state / "crashes").glob("*.txt")
    assert report.stat().st_mode & 0o077 == 0
    assert "cannot lay this out" in report.read_text()
    for text in (report.read_text(), said.getvalue()):
        assert SECRET not in text
        assert "token =" not in said.getvalue()
    assert "middlewatch broke: ValueError" in said.getvalue()


async def test_a_bug_in_reading_is_said_and_reported_once_and_news_go_on(
    journal: Journal, open_board: Open, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.story().begin().steps(5)
    sound = JournalReader.views

    def broken(self: JournalReader) -> list[RunSummary]:
        raise KeyError(SECRET)

    async with open_board() as board:
        await board.until(lambda: board.app.desk.summaries)
        monkeypatch.setattr(JournalReader, "views", broken)
        await board.until(lambda: "a bug of middlewatch: KeyError" in board.text)
        assert SECRET not in board.words
        monkeypatch.setattr(JournalReader, "views", sound)
        await board.until(lambda: "a bug of middlewatch" not in board.text)
    assert len(list((locations.state / "crashes").glob("*.txt"))) == 1
