"""The charts can be looked into: scale, smoothing, window, cursor, anomalies, and a view that holds still."""

from __future__ import annotations

import re

import pytest
from conftest import LARGE, SMALL, Board, Open
from run_story import Journal, metrics

from tui_app.remembered import load
from tui_app.screens.run import RunScreen

RUN = "sort-digits"


@pytest.fixture
def lived(journal: Journal) -> Journal:
    story = (
        journal.story(ago=60).begin().steps(34).fail().wait(5).claim().load().steps(77).drain().preempted()
    )
    story.wait(2).claim("warm_spare", 0.02).load().steps(90)
    return journal


def run_screen(board: Board) -> RunScreen:
    assert isinstance(board.app.screen, RunScreen)
    return board.app.screen


async def opened(board: Board) -> None:
    await board.shows("step 90/250")
    await board.until(lambda: board.app.desk.track.last_step == 90)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_scale_smoothing_and_zoom_are_said_in_the_title(
    lived: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    async with open_board(RUN, size=size) as board:
        await opened(board)
        await board.press("L")
        await board.shows("1 reward log")
        await board.press("S", "plus", "plus")
        await board.shows("1 reward log · smoothed · zoomed")
        assert run_screen(board).look.first == 69
        await board.press("less_than_sign")
        assert run_screen(board).look.first == 58
        await board.press("greater_than_sign")
        assert run_screen(board).look.first == 69
        await board.press("L", "S", "0")
        await board.shows("1 reward higher is better" if size == SMALL else "1 reward mean of the batch")


async def test_the_cursor_gives_exact_values_and_takes_the_events_along(
    lived: Journal, open_board: Open
) -> None:
    async with open_board(RUN, size=LARGE) as board:
        await opened(board)
        await board.press("left", "left", "left")
        await board.shows(
            "CURSOR step 87",
            f"reward {metrics(87)['reward/mean']:.6g}",
            f"KL {metrics(87)['mismatch_kl']:.6g}",
        )
        await board.press("right", "shift+left")
        await board.shows("CURSOR step 78")
        await board.press("shift+right")
        await board.shows("CURSOR step 88")
        await board.press("escape")
        await board.shows_no("CURSOR")
        run_screen(board)
        await board.press("escape")
        await board.shows("1 run")


async def test_n_goes_from_anomaly_to_anomaly_in_events_and_charts(lived: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await opened(board)
        await board.press("N")
        await board.shows("CURSOR step 77", "preempted")
        seen = []
        while "no earlier anomaly" not in board.words:
            seen.append(run_screen(board).look.cursor)
            await board.press("N")
        assert seen[0] == 77
        assert 34 in seen
        await board.shows("DrillError: on purpose")
        await board.press("n")
        assert run_screen(board).look.cursor in (34, 77)


async def test_a_paused_view_holds_still_while_the_header_lives(lived: Journal, open_board: Open) -> None:
    story = lived.story("second", ago=9).begin().steps(10)
    async with open_board("second") as board:
        await board.shows("step 10/250", "committed step 10")
        await board.press("space")
        await board.shows("PAUSED")
        story.steps(20)
        await board.shows("RUNNING · step 20/250", "PAUSED")
        assert not re.search("ok committed step 20", board.words)
        await board.press("space")
        await board.shows("ok committed step 20")
        await board.shows_no("PAUSED")


async def test_a_gap_is_an_anomaly(journal: Journal, open_board: Open) -> None:
    story = journal.story(ago=20).begin().steps(5)
    story._seq += 3
    story.commit().steps(9)
    async with open_board(RUN) as board:
        await board.shows("gap: events", "3 events missing")
        await board.press("N")
        await board.shows("CURSOR step 5")


async def test_the_next_time_it_looks_as_it_was_left(lived: Journal, open_board: Open) -> None:
    async with open_board("sort-digits", size=LARGE) as board:
        await board.shows("1 reward")
        await board.press("3", "L", "S")
        await board.shows("log · smoothed")
        await board.press("escape", "t", "t")
        await board.shows("by name")
        await board.until(lambda: load(board.app.locations.state).sorting == "by name")
    async with open_board("sort-digits", size=LARGE) as board:
        await board.shows("3 KL log · smoothed")
        await board.press("escape")
        await board.shows("by name")


async def test_a_layout_that_cannot_be_read_is_as_by_default(lived: Journal, open_board: Open) -> None:
    async with open_board("sort-digits", size=LARGE) as board:
        (board.app.locations.state / "layout.json").write_text('{"metric": "many"}')
    async with open_board("sort-digits", size=LARGE) as board:
        await board.shows("1 reward mean of the batch")
