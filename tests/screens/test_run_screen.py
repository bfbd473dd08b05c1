"""What the screen of a run says, at 80x24 and larger, in each state of its life."""

from __future__ import annotations

import gc
import time

import pytest
from conftest import LARGE, SMALL, Board, Open
from msgspec.structs import replace
from run_story import CONFIG, Journal
from textual._styles_cache import StylesCache
from textual.widget import Widget

from tui_app.locations import Locations
from tui_app.screens.home import HomeScreen
from tui_app.screens.run import RunScreen
from tui_app.widgets.event_list import EventList

RUN = "sort-digits"
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@SIZES
async def test_the_first_five_seconds_say_where_what_and_what_is_next(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    journal.story().now(1.2).spawn()
    async with open_board(RUN, size=size) as board:
        await board.shows(
            f"LOCAL {RUN} STARTING · boot ",
            "GPU ?/8",
            "no commit yet",
            "no attempt yet · retries 0/3 · preemptions 0",
            "NEXT: step 34 will fail on purpose",
            "s spawn",
            "q quit",
        )


@SIZES
async def test_a_boot_names_its_kind_and_its_phase(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    journal.story().now(6).spawn().now(1.4).claim().say("phase.changed", phase="LOADING")
    async with open_board(RUN, size=size) as board:
        await board.shows(
            "STARTING · LOADING", "after a cold start of 4.2 s", "attempt 1", "BOOT 4.2 › LOADING"
        )


@SIZES
async def test_a_running_run_says_everything_in_its_first_lines(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    journal.story(ago=12.2).begin().steps(27)
    async with open_board(RUN, size=size) as board:
        await board.shows(
            f"LOCAL {RUN} RUNNING · step 27/250 · last step ",
            "LIVE",
            "GPU 8 requested, 0 present (CPU demo)",
            "commit step 20 (",
            "s ago) OK",
            "attempt 1 · retries 0/3 · preemptions 0",
            "uncommitted 7 · redone 0",
            "NEXT: step 34 will fail on purpose (in 7 steps, about 3 s)",
            "1 reward",
            "need not fall",
            "ok committed step 20",
        )


async def test_a_small_screen_has_one_chart_and_a_row_for_each_other_metric(
    journal: Journal, open_board: Open
) -> None:
    journal.story(ago=20).begin().steps(30)
    async with open_board(RUN) as board:
        await board.shows("1 reward", "2 loss", "3 KL", "4 entropy", "5 tokens a second", "1.0", "0.5")
        assert sum(line.count("┴") > 0 for line in board.text.splitlines()) == 1


async def test_a_large_screen_has_a_chart_for_every_metric(journal: Journal, open_board: Open) -> None:
    journal.story(ago=20).begin().steps(30)
    async with open_board(RUN, size=LARGE) as board:
        await board.shows("1 reward", "2 loss", "3 KL", "4 entropy", "5 throughput")
        await board.until(lambda: sum(line.count("┴") > 0 for line in board.text.splitlines()) == 3)


@SIZES
async def test_backoff_counts_down_and_shows_the_arithmetic(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    story = journal.story(ago=20, config=replace(CONFIG, max_retries=10)).begin().steps(34)
    story.retries = 3
    story.now().fail(delay=40.0)
    async with open_board(RUN, size=size) as board:
        await board.shows("(delay 40 s = 5·2³)", "ended: exception at step 34")
        left = board.number(r"BACKOFF retry 4/10 in (\d+) s")
        await board.until(lambda: board.number(r"BACKOFF retry 4/10 in (\d+) s") < left)


@SIZES
async def test_a_drain_counts_down_to_its_deadline(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    story = journal.story(ago=20).begin().steps(34)
    story.now().drain(30)
    async with open_board(RUN, size=size) as board:
        await board.shows("PREEMPTING · step 34/250", "s left · preempted · saving what there is")
        left = board.number(r"DRAINING (\d+) s left")
        assert left <= 30
        await board.until(lambda: board.number(r"DRAINING (\d+) s left") < left)


async def test_a_drain_without_a_save_says_what_it_costs(journal: Journal, open_board: Open) -> None:
    story = journal.story(ago=20).begin().steps(37)
    story.now().drain(20, saving=False)
    async with open_board(RUN) as board:
        await board.shows("not saving, 7 steps will be redone")


@SIZES
async def test_a_failed_run_says_why(journal: Journal, open_board: Open, size: tuple[int, int]) -> None:
    story = journal.story(ago=20).begin().steps(34)
    story.end("FAILED", reason="retries_exhausted", detail="DrillError: on purpose")
    async with open_board(RUN, size=size) as board:
        await board.shows("FAILED (retries exhausted) · step 34/250", "ended ", "WHY: DrillError: on purpose")
        assert "LIVE" not in board.words


@SIZES
async def test_a_finished_run_says_so(journal: Journal, open_board: Open, size: tuple[int, int]) -> None:
    story = journal.story(ago=120).begin().steps(250)
    story.end("SUCCEEDED", detail="all steps done")
    async with open_board(RUN, size=size) as board:
        await board.shows(
            "SUCCEEDED · step 250/250", "DONE: all steps done", "ok attempt 1 completed at step 250"
        )


async def test_a_failed_commit_is_shown_until_it_went_through(journal: Journal, open_board: Open) -> None:
    story = journal.story(ago=12).begin().steps(19).now()
    story.say("volume.commit_failed", step=19, name="x", error="refused", retry_in=60.0, **{"try": 1})
    async with open_board(RUN) as board:
        await board.shows("10 (", "FAILED, again in", "!! commit of step 19 failed (try 1): refused")
        story.commit()
        await board.shows("commit step 19 (", "OK")


async def test_later_attempts_show_where_they_began_and_how_earlier_ones_ended(
    journal: Journal, open_board: Open
) -> None:
    story = journal.story(ago=60).begin().steps(34).fail().wait(5).claim("warm_spare", 0.02).load()
    story.steps(77).drain(0.3, saving=False).preempted().claim("warm_spare", 0.02).load().steps(90)
    async with open_board(RUN, size=LARGE) as board:
        await board.shows(
            "attempt 3 · retries 1/3 · preemptions 1",
            "warm spare 0.02 s",
            "2 preempted killed at step 77",
            "1 exception at step 34",
            "redone 11",
            "2═",
            "3═",
        )


@SIZES
async def test_freshness_is_counted_by_arrival_and_never_changes_the_state(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    journal.story(ago=30).begin().steps(20)
    async with open_board(RUN, size=size) as board:
        await board.shows("RUNNING", "LATE ")
        journal.writer.record(RUN, sign_at=time.time() - 100)
        await board.shows("RUNNING", "SILENT 1 min", "NO NEWS · nothing is concluded from silence alone")
        journal.beat(reachable=False)
        await board.shows("RUNNING", "UNREACHABLE", "our own link is down")
        journal.beat(age=60)
        await board.shows("RUNNING", "UNREACHABLE", "WATCHER SILENT")
        journal.beat()
        journal.writer.record(RUN, sign_at=time.time())
        await board.shows("RUNNING", "LIVE")


async def test_new_steps_appear_by_themselves(journal: Journal, open_board: Open) -> None:
    story = journal.story(ago=12).begin().steps(21)
    async with open_board(RUN) as board:
        await board.shows("step 21/250")
        story.now().steps(24)
        await board.shows("step 24/250")
        await board.until(lambda: board.app.desk.track.last_step == 24)


async def test_a_run_that_is_opened_late_shows_its_whole_history(journal: Journal, open_board: Open) -> None:
    journal.story(ago=120).begin().steps(250)
    async with open_board(RUN) as board:
        await board.until(lambda: board.app.desk.track.last_step == 250)
        series = board.app.desk.track.series["loss"]
        assert sum(low <= high for low, high in zip(series.low, series.high, strict=True)) == 250


async def test_a_hole_in_the_events_is_shown_as_a_hole(journal: Journal, open_board: Open) -> None:
    story = journal.story(ago=12).begin().steps(12)
    story._seq += 3
    story.steps(15)
    async with open_board(RUN) as board:
        await board.shows("3 events missing")


async def test_the_target_has_its_name_and_its_own_colour(
    locations: Locations, open_board: Open, tmp_path: object
) -> None:
    modal = Locations.of("modal")
    modal.prepare()
    there, here = Journal(modal.journal, target="modal"), Journal(locations.journal)
    there.story(ago=12).begin().steps(3)
    here.story(ago=12).begin().steps(3)
    colours = []
    for place, name in ((modal, "MODAL main"), (locations, "LOCAL")):
        async with open_board(RUN, place=place) as board:
            await board.shows(f"{name} {RUN} RUNNING")
            header = board.app.screen.query_one("#header")
            colours.append(header.render_line(0)._segments[0].style.bgcolor)  # type: ignore[union-attr]
    assert colours[0] != colours[1]
    there.close()
    here.close()


async def test_hostile_text_neither_drives_the_terminal_nor_breaks_the_screen(
    journal: Journal, open_board: Open
) -> None:
    evil = "\x1b]52;c;cm0=\x07[/x][@click=app.quit]boo[/]\x9b31m\u202e\x00"
    story = journal.story(ago=12).begin().steps(3)
    story.say("exception.raised", kind=evil, message=evil, retryable=True)
    story.end("FAILED", reason="user_error", detail=evil)
    for size in (SMALL, LARGE):
        async with open_board(RUN, size=size) as board:
            await board.shows("FAILED (user error)", "[@click=app.quit]boo[/]")
            assert all(char.isprintable() for char in board.text.replace("\n", ""))
            await board.press("question_mark", "escape", "escape", "j")
            await board.shows("1 FAILED")


@SIZES
async def test_ascii_mode_shows_ascii_alone(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    story = journal.story(ago=60).begin().steps(34).fail().wait(5).claim().load().steps(60)
    story.now()
    async with open_board(RUN, size=size, ascii_art=True) as board:
        await board.shows("1 reward", "RUNNING - step 60/250")
        for keys in (["2"], ["question_mark"], ["escape", "s"], ["escape", "x"], ["escape", "escape"]):
            await board.press(*keys)
            assert board.text.isascii(), [line for line in board.text.splitlines() if not line.isascii()]


async def test_no_line_is_wider_than_the_terminal_at_any_size(journal: Journal, open_board: Open) -> None:
    name = "a-run-with-a-name-of-exactly-forty-eight-letters"
    journal.story(name, ago=60).begin().steps(34).fail()
    for size in ((80, 24), (99, 31), (100, 32), (133, 43), (200, 60)):
        async with open_board(name, size=size) as board:
            await board.shows("BACKOFF", "retries 1/3")
            lines = board.app.screen._compositor.render_strips()
            assert len(lines) == size[1]
            assert all(strip.cell_length == size[0] for strip in lines)
            await board.press("escape")
            await board.shows("1 run", "1 BACKOFF")


async def test_a_terminal_that_is_too_small_is_told_the_size_it_needs(
    journal: Journal, open_board: Open
) -> None:
    journal.story(ago=12).begin().steps(3)
    async with open_board(RUN, size=(60, 20)) as board:
        await board.shows("Terminal too small: 60x20", "needs 80x24")
        await board.pilot.resize_terminal(80, 24)
        await board.shows("RUNNING · step 3/250")
        await board.pilot.resize_terminal(79, 30)
        await board.shows("Terminal too small: 79x30")


async def test_without_a_journal_it_says_so_and_begins_when_there_is_one(
    locations: Locations, open_board: Open
) -> None:
    async with open_board(RUN) as board:
        await board.shows("nothing has been recorded here yet")
        journal = Journal(locations.journal)
        journal.story(ago=12, config=CONFIG).begin().steps(3)
        await board.shows("RUNNING · step 3/250")
        journal.close()


async def test_the_events_can_be_read_back_while_new_ones_arrive(journal: Journal, open_board: Open) -> None:
    story = journal.story(ago=120).begin().steps(200)
    async with open_board(RUN) as board:
        await board.shows("ok committed step 200", "following")
        await board.press("k", "k")
        await board.shows("2 newer lines below, end follows")
        story.steps(210)
        await board.shows("3 newer lines below")
        await board.press("g")
        await board.shows("spawned by ana@jump1")
        await board.press("pagedown")
        await board.shows_no("spawned by ana@jump1")
        await board.press("G")
        await board.shows("ok committed step 210", "following")
        assert board.app.screen.query_one(EventList).page == 5


async def test_the_events_can_have_the_whole_screen(journal: Journal, open_board: Open) -> None:
    journal.story(ago=120).begin().steps(200)
    async with open_board(RUN) as board:
        await board.shows("1 reward")
        await board.press("e")
        await board.shows_no("1 reward")
        assert board.app.screen.query_one(EventList).page > 12
        await board.press("escape")
        await board.shows("1 reward", "RUNNING")


@pytest.mark.parametrize(
    ("keys", "title"),
    [
        (["2"], "2 loss not expected to fall"),
        (["3"], "3 KL near 0 is good"),
        (["4"], "4 entropy falls as it decides"),
        (["5"], "5 throughput tokens a second"),
        (["2", "1"], "1 reward higher is better"),
        (["m"], "2 loss not expected to fall"),
        (["tab", "tab"], "3 KL near 0 is good"),
        (["M"], "5 throughput tokens a second"),
        (["shift+tab"], "5 throughput tokens a second"),
    ],
)
async def test_the_large_chart_is_chosen_by_key(
    journal: Journal, open_board: Open, keys: list[str], title: str
) -> None:
    journal.story(ago=20).begin().steps(30)
    async with open_board(RUN) as board:
        await board.shows("1 reward higher is better")
        await board.press(*keys)
        await board.shows(title)


async def test_a_large_screen_says_that_a_policy_loss_is_not_expected_to_fall(
    journal: Journal, open_board: Open
) -> None:
    journal.story(ago=20).begin().steps(30)
    async with open_board(RUN, size=LARGE) as board:
        await board.shows("2 loss")
        await board.press("2")
        await board.shows("2 loss policy loss: not expected to fall")


@SIZES
async def test_the_charts_stay_where_they_are_while_the_words_above_and_below_change(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    journal.story(ago=12.2).begin().steps(27)
    async with open_board(RUN, size=size) as board:
        await board.shows("RUNNING · step 27/250")
        charts = board.app.screen.query_one("#charts")
        before = charts.region
        await board.press("space")
        await board.shows("PAUSED")
        board.app.say("refused", "a sentence that needs more than one line, " * 5)
        await board.shows("REFUSED a sentence")
        assert charts.region == before
        await board.press("space")
        journal.story("other", ago=3).begin()
        story = journal.story(ago=2.0)
        story.attempt, story.step, story._seq = 1, 27, 1_000_000
        story.fail()
        await board.shows("BACKOFF")
        assert charts.region == before


async def test_runs_that_were_left_leave_no_rows_behind(journal: Journal, open_board: Open) -> None:
    journal.story().begin().steps(20)

    def left_with_rows(board: Board) -> int:
        """How many of no shown widget keep more than blank rows: a container has those, a few bytes."""
        gc.collect()
        shown = {id(node._styles_cache) for node in board.app.screen.walk_children(Widget, with_self=True)}
        left = [e for e in gc.get_objects() if isinstance(e, StylesCache) and id(e) not in shown]
        return sum(any(strip.text.strip() for strip in each._cache.values()) for each in left)

    async with open_board() as board:
        await board.until(lambda: board.app.desk.summaries)
        kept: list[int] = []
        for _ in range(4):
            await board.press("enter")
            await board.until(lambda: isinstance(board.app.screen, RunScreen))
            await board.press("escape")
            await board.until(lambda: isinstance(board.app.screen, HomeScreen))
            await board.pilot.pause(0.2)
            kept.append(left_with_rows(board))
        assert kept[-1] <= kept[0], kept  # fewer where something of another test was still to go
