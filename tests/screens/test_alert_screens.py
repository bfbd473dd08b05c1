"""What is wrong is on one line of every main screen, and in a list with what to press."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import LARGE, SMALL, Board, Open
from run_story import Journal
from textual.geometry import Region

from remote.vocabulary.commands import Intent, Verb
from tui_app.state.alert_book import Alert, AlertBook
from tui_app.state.alert_terms import AlertSeverity

RUN = "sort-digits"


@pytest.fixture
def wrong(journal: Journal) -> Journal:
    story = journal.story(ago=12).begin().steps(27)
    bad = Alert(
        rule="not_finite",
        severity=AlertSeverity.CRITICAL,
        run=RUN,
        text="loss is NaN",
        evidence="step 26: loss NaN",
        key="x",
        since=story.t,
    )
    slow = Alert(
        rule="commit_lag",
        severity=AlertSeverity.WARNING,
        run=RUN,
        text="commits lag",
        evidence="\x1b[31m9 steps",
        key="c",
        since=story.t,
    )
    journal.writer.set_alerts(RUN, AlertBook(alerts={"not_finite": bad, "commit_lag": slow}))
    return journal


async def test_the_worst_alert_has_a_line_and_the_list_has_all(wrong: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await board.shows("CRITICAL loss is NaN", "1 more · ! lists")
        await board.press("l")
        await board.shows("the containers have printed nothing", "CRITICAL loss is NaN")
        await board.press("exclamation_mark")
        await board.shows("2 alerts", "step 26: loss NaN", "WARNING sort-digits commits lag", "try c")
        assert "\x1b" not in board.text
        await board.press("escape", "escape")
        await board.shows("1 run", "CRITICAL sort-digits: loss is NaN")


async def test_an_alert_is_acknowledged_and_snoozed_by_key(
    wrong: Journal, open_board: Open, intents: Callable[[], list[Intent]]
) -> None:
    async with open_board(RUN) as board:
        await board.shows("CRITICAL")
        await board.press("exclamation_mark", "w")
        await board.shows("SENT acknowledge sort-digits")
        await board.press("j", "z")
        await board.shows("SENT snooze sort-digits")
        first, second = intents()
        assert (first.verb, first.args) == (Verb.ACKNOWLEDGE, {"rule": "not_finite"})
        assert (second.verb, second.args["rule"]) == (Verb.SNOOZE, "commit_lag")


async def test_without_an_alert_there_is_no_line(journal: Journal, open_board: Open) -> None:
    journal.story(ago=12).begin().steps(27)
    async with open_board(RUN) as board:
        await board.shows("RUNNING")
        assert "lists" not in board.words
        await board.press("exclamation_mark")
        await board.shows("0 alerts", "no alert stands")


def places(board: Board) -> dict[str, Region]:
    """Where each part of the screen stands."""
    return {child.id or "": child.region for child in board.app.screen.walk_children() if child.id}


@pytest.mark.parametrize("size", [SMALL, LARGE, (200, 60)], ids=["80x24", "120x40", "200x60"])
async def test_nothing_moves_when_an_alert_comes_or_goes(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    journal.story(ago=12).begin().steps(27)
    alert = Alert(
        rule="not_finite",
        severity=AlertSeverity.CRITICAL,
        run=RUN,
        text="loss is NaN " + "at last " * 40,
        evidence="",
        key="x",
        since=journal.clock(),
    )
    async with open_board(RUN, size=size) as board:
        for keys, shown in (((), "uncommitted 7 · redone 0"), (("escape",), "1 run: 1 healthy")):
            await board.press(*keys)
            await board.shows(shown)
            before = places(board)
            journal.writer.set_alerts(RUN, AlertBook(alerts={"not_finite": alert}))
            await board.shows("CRITICAL", "… · for", "! lists")
            assert places(board) == before
            journal.writer.set_alerts(RUN, AlertBook())
            await board.shows_no("CRITICAL")
            assert places(board) == before
