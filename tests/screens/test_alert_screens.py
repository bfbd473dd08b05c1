"""What is wrong is on one line of every main screen, and in a list with what to press."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Open
from run_story import Journal

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
        await board.shows("CRITICAL sort-digits: loss is NaN", "1 more · ! lists")
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
        assert not board.app.screen.query_one("#banner").display
        await board.press("exclamation_mark")
        await board.shows("0 alerts", "no alert stands")
