"""Home: one line a run, live ones first, and the chosen one in words."""

from __future__ import annotations

import asyncio
import time

import pytest
from conftest import LARGE, SMALL, Open
from run_story import Journal
from textual.events import Key

from tui_app.app import Middlewatch
from tui_app.widgets.run_table import RunTable

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@SIZES
async def test_no_runs_say_how_to_get_one(journal: Journal, open_board: Open, size: tuple[int, int]) -> None:
    async with open_board(size=size) as board:
        await board.shows("LOCAL middlewatch 0 runs", "No runs yet.", "Press s to spawn one", "watcher up")


@SIZES
async def test_each_run_has_one_line_with_everything(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    story = journal.story(ago=60).begin().steps(34).fail().wait(5).claim().load().steps(77)
    story.drain(0.3, saving=False).preempted().claim().load().steps(84)
    journal.writer.record("sort-digits", sign_at=time.time())
    async with open_board(size=size) as board:
        await board.shows("sort-digits RUNNING LIVE")
        line = next(line for line in board.text.splitlines() if line.startswith("▸sort-digits"))
        for part in ("84/250", "0/8", "80", "4", "3", "1/3", "1", "█" if "█" in line else "▆"):
            assert part in line
        assert "11k" in line or "12k" in line


async def test_live_runs_come_first_and_counts_are_in_words(journal: Journal, open_board: Open) -> None:
    journal.story("old-failure", ago=90_000).begin().steps(5).end("FAILED", reason="user_error", detail="no")
    journal.story("done", ago=800).begin().steps(5).end("SUCCEEDED")
    journal.story("live-one", ago=12).begin().steps(5)
    async with open_board() as board:
        await board.shows("3 runs", "1 RUNNING · 1 SUCCEEDED · 1 FAILED")
        rows = [line.split()[0].lstrip("▸") for line in board.text.splitlines() if "/250" in line][:3]
        assert rows == ["live-one", "done", "old-fai…ure"] or rows[:2] == ["live-one", "done"]


async def test_the_cursor_stays_on_its_run_when_the_order_changes(journal: Journal, open_board: Open) -> None:
    first = journal.story("first", ago=60).begin().steps(5)
    journal.story("second", ago=30).begin().steps(5)
    async with open_board() as board:
        await board.shows("2 runs", "second")
        await board.press("j")
        table = board.app.screen.query_one(RunTable)
        assert table.selected is not None
        assert table.selected.view.run == "first"
        first.end("STOPPED")
        await board.shows("1 STOPPED")
        assert table.selected.view.run == "first"


async def test_a_run_that_was_spawned_here_is_under_the_cursor_when_it_appears(
    journal: Journal, open_board: Open
) -> None:
    journal.story("first", ago=60).begin().steps(5)
    journal.story("second", ago=30).begin().steps(5)
    async with open_board() as board:
        await board.shows("2 runs", "▸second")
        board.app.screen.expect("third")  # type: ignore[attr-defined]
        journal.story("fourth", ago=20).begin().steps(5)
        await board.shows("3 runs", "▸second")
        journal.story("third", ago=90).begin().steps(5)
        await board.shows("4 runs", "▸third")


async def test_moving_the_cursor_gives_up_waiting_for_a_run(journal: Journal, open_board: Open) -> None:
    journal.story("first", ago=60).begin().steps(5)
    journal.story("second", ago=30).begin().steps(5)
    async with open_board() as board:
        await board.shows("2 runs", "▸second")
        board.app.screen.expect("third")  # type: ignore[attr-defined]
        await board.press("j")
        journal.story("third", ago=10).begin().steps(5)
        await board.shows("3 runs", "▸first")


async def test_more_runs_than_rows_scroll_with_the_cursor(journal: Journal, open_board: Open) -> None:
    for number in range(40):
        journal.story(f"run-{number:02}", ago=500 - number).spawn()
    async with open_board() as board:
        await board.shows("40 runs", "run-39")
        assert "run-00" not in board.text
        await board.press("G")
        await board.shows("run-00")
        await board.press("g")
        await board.shows("run-39")


async def test_the_watcher_is_named_with_its_age_and_its_silence(journal: Journal, open_board: Open) -> None:
    journal.story(ago=12).begin().steps(5)
    async with open_board() as board:
        await board.shows("watcher up 12 min · beat", "local reachable")
        journal.beat(age=45)
        await board.shows("WATCHER SILENT · last beat 4", "NO LINK")
        journal.beat(reachable=False)
        await board.shows("LOCAL UNREACHABLE for 4")


async def test_the_chosen_run_is_told_in_words_below(journal: Journal, open_board: Open) -> None:
    journal.story(ago=20).begin().steps(34).now(1.0).fail()
    async with open_board() as board:
        await board.shows("BACKOFF retry 1/3 in", "GPU 8 requested, 0 present (CPU demo)", "commit step 30")


async def test_a_click_chooses_and_a_second_one_opens(journal: Journal, open_board: Open) -> None:
    for number in (1, 2):
        journal.story(f"run-{number}", ago=100 - number).begin().steps(3)
    async with open_board() as board:
        await board.shows("2 runs", "run-1")
        await board.pilot.click(RunTable, offset=(5, 2))
        await board.until(lambda: board.app.screen.query_one(RunTable).selected.view.run == "run-1")  # type: ignore[union-attr]
        await board.pilot.click(RunTable, offset=(5, 2))
        await board.shows("LOCAL run-1 RUNNING")


async def test_problems_come_first_and_are_counted(journal: Journal, open_board: Open) -> None:
    journal.story("well", ago=12.2).begin().steps(27).now()
    journal.story("broken", ago=60).begin().steps(3).end("FAILED", reason="user_error", detail="no")
    journal.story("waiting", ago=30).begin().steps(34).now(1).fail(delay=30)
    async with open_board() as board:
        await board.shows("3 runs: ", "1 backing off · 1 failed", "broken", "well")
        places = [board.text.index(f"{name} ") for name in ("broken", "waiting", "well")]
        assert places == sorted(places)
        await board.press("t", "t")
        await board.shows("by name")


async def test_the_filter_follows_what_is_typed_and_esc_shows_all(journal: Journal, open_board: Open) -> None:
    for name in ("alpha", "beta"):
        journal.story(name, ago=12).begin().steps(3)
    async with open_board() as board:
        await board.shows("2 runs")
        await board.press("slash", *"bet")
        await board.shows("/bet: 1 of 2")
        assert "alpha" not in board.text
        await board.press("enter")
        await board.shows("/bet: 1 of 2")
        await board.press("slash", *"x", "escape")
        await board.shows("/bet: 1 of 2")
        await board.press("slash", *"x", "enter")
        await board.shows("No run has “x”")
        await board.press("escape")
        await board.shows("alpha", "beta")


async def test_letters_that_come_with_the_slash_are_typed_and_do_nothing_else(
    journal: Journal, open_board: Open
) -> None:
    """As in one packet of a slow link: p would ask for a preempt-test, s for a spawn."""
    for name in ("alpha", "prose"):
        journal.story(name, ago=12).begin().steps(3)
    async with open_board() as board:
        await board.shows("2 runs")
        for letter in "/pros":
            board.app.post_message(Key("slash" if letter == "/" else letter, letter))
        await board.shows("filter: pros", "/pros: 1 of 2")
        assert len(board.app.screen_stack) == 1
        await board.press("enter")
        for letter in "/alp":
            board.app.post_message(Key("slash" if letter == "/" else letter, letter))
        await board.shows("filter: alp", "/alp: 1 of 2")


async def test_who_chooses_a_run_with_the_mouse_has_answered_the_filter(
    journal: Journal, open_board: Open
) -> None:
    for name in ("alpha", "beta"):
        journal.story(name, ago=12).begin().steps(3)
    async with open_board() as board:
        await board.press("slash", *"a")
        await board.shows("filter: a", "/a: 2 of 2", "▸beta")
        await board.pilot.click("#table", offset=(4, 2))
        await board.shows("▸alpha", "/a: 2 of 2", "q quit")
        await board.press("escape")
        await board.shows("alpha", "beta")


async def test_marked_runs_are_compared_by_one_metric(journal: Journal, open_board: Open) -> None:
    for name, steps in (("alpha", 30), ("beta", 60)):
        journal.story(name, ago=60).begin().steps(steps)
    async with open_board() as board:
        await board.shows("2 runs")
        await board.press("equals_sign")
        await board.shows("REFUSED compare: mark two runs or more")
        await board.press("g", "space", "space", "equals_sign")
        await board.shows("compare reward", "o alpha", "at step 30", "x beta", "at step 60")
        await board.press("4")
        await board.shows("compare entropy", "falls as it decides")
        await board.press("escape")
        await board.shows("2 marked, = compares")


async def test_a_refusal_is_about_the_screen_that_it_was_said_on(journal: Journal, open_board: Open) -> None:
    journal.story(ago=12).begin().steps(2)
    async with open_board() as board:
        await board.press("equals_sign")
        await board.shows("REFUSED compare: mark two runs")
        await board.press("enter")
        await board.shows("uncommitted 2 steps")
        assert "REFUSED" not in board.words


async def test_a_prompt_below_another_screen_goes_on_showing_the_list(
    journal: Journal, open_board: Open
) -> None:
    journal.story("alpha").begin().steps(3)
    journal.story("beta").begin().steps(3)
    async with open_board(size=SMALL) as board:
        await board.press("slash", *"alp")
        await board.shows("1 of 2")
        await board.pilot.resize_terminal(60, 20)
        await board.shows("Terminal too small: 60x20")
        board.app.screen_stack[-2].refresh()
        board.app.screen_stack[-2]._compositor.render_strips()
        await board.shows("Terminal too small: 60x20")
        await board.pilot.resize_terminal(*SMALL)
        await board.shows("filter: alp", "1 of 2")


@pytest.mark.parametrize("run", [None, "sort-digits"])
async def test_the_clock_goes_on_while_the_dashboard_closes_and_breaks_nothing(
    journal: Journal, open_board: Open, run: str | None
) -> None:
    """The widgets of a screen are gone before it is told; the pulse may come in between, so here it always
    does."""
    journal.story(ago=60).begin().steps(34).fail()
    rounds: list[bool] = []
    async with open_board(run) as board:
        await board.shows("BACKOFF")
        screen, pulsing = board.app.screen, asyncio.create_task(pulse_always(board.app, rounds))
    pulsing.cancel()
    await asyncio.wait([pulsing])
    assert pulsing.cancelled(), pulsing.exception()
    assert not screen.ready
    assert any(rounds)


async def pulse_always(app: Middlewatch, rounds: list[bool]) -> None:
    """At each turn of the loop; notes where a screen was there whose widgets were gone."""
    while True:
        rounds.append(any(not screen.query("*") for screen in app.screen_stack))
        with app._context():
            app._pulse()
        await asyncio.sleep(0)
