"""Each tab of a run is one key away, says what it is for, and takes nothing from the screen below."""

from __future__ import annotations

import pytest
from conftest import LARGE, SMALL, Open
from run_story import Journal
from textual.command import CommandPalette

from tui_app.screens.run import RunScreen
from tui_app.screens.tab import TabScreen

RUN = "sort-digits"
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@pytest.fixture
def lived(journal: Journal) -> Journal:
    """A run with a failure, a preemption, samples, evaluations and printed lines."""
    story = journal.story(ago=60).begin().steps(10)
    story.sample((1.0, 0.17, 0.5)).evaluate(0.4).host().prints("epoch begins", "loss is small")
    story.steps(20).sample((0.25, 0.75)).evaluate(0.8).host(41.0)
    story.steps(34).say("checkpoint.saved", step=34, name="step_00000034.a0001", bytes=9, seconds=0.1)
    story.fail().wait(5).claim().load().steps(41).prints("Traceback: on purpose", fd="stderr")
    story.say("checkpoint.skipped", name="step_00000035.a0001", why="its manifest is torn")
    return journal


@SIZES
async def test_rollouts_are_read_step_by_step_and_sorted(
    lived: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    async with open_board(RUN, size=size) as board:
        await board.press("o")
        await board.shows(
            "rollouts step 20 · attempt 1", "2 of 2 sampled steps", "reward 0.750 advantage +0.250"
        )
        await board.press("[")
        await board.shows("step 10", "1 of 2", "wrote 1 3 4 7 9 (0)", "newer ones: ]")
        assert board.words.index("reward 1.00") < board.words.index("reward 0.170")
        await board.press("t")
        await board.shows("worst first")
        assert board.words.index("reward 0.170") < board.words.index("reward 1.00")
        await board.press("]")
        await board.shows("step 20", "newest, following")
        await board.press("{")
        await board.shows("step 10", "1 of 2")
        await board.press("}")
        await board.shows("step 20", "newest, following")


@SIZES
async def test_attempts_name_cause_and_evidence(
    lived: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    async with open_board(RUN, size=size) as board:
        await board.press("a")
        await board.shows("2 attempts", "exception", "evidence DrillError: on purpose", "goes on", "BOOT 4.2")
        assert board.number(r"2 1 cold start 4.2 s 30 41 (\d+)") == 4


@SIZES
async def test_describe_tells_every_fact_and_field_and_the_command_for_another(
    lived: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    async with open_board(RUN, size=size) as board:
        await board.press("d")
        await board.shows("described", "preemptions", "spawned")
        await board.press("G")
        await board.shows("another of its kind", "middlewatch spawn --task sort-digits --fail-at-step 34")


async def test_a_colon_offers_every_command_by_name(lived: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await board.press(":")
        await board.until(lambda: isinstance(board.app.screen, CommandPalette))


@SIZES
async def test_volume_names_orphans_and_what_was_passed_over(
    lived: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    async with open_board(RUN, size=size) as board:
        await board.press("v")
        await board.shows(
            "1 ORPHAN", "1 SKIPPED", "4 recognised", "step_00000034.a0001", "its manifest is torn"
        )
        await board.shows("commits ", "0 failed", "uncommitted 1 step")


async def test_volume_says_what_is_saved_and_not_committed(journal: Journal, open_board: Open) -> None:
    journal.story(ago=9).begin().steps(3).say("checkpoint.saved", step=3, name="s3", bytes=2_000_000)
    async with open_board(RUN) as board:
        await board.press("v")
        await board.shows("1 saved uncommitted 3 steps, 2.0 MB saved")


async def test_logs_follow_and_are_searched(lived: Journal, open_board: Open) -> None:
    story = lived.story("chatty", ago=60).begin().steps(3)
    story.prints(*(f"line {number}" for number in range(200)))
    async with open_board("chatty") as board:
        await board.press("l")
        await board.shows("200 lines", "line 199", "following")
        await board.press("slash", *"line 7", "enter")
        await board.shows("/line 7: 11 lines", "G follows", "line 79")
        await board.press("N")
        await board.shows("line 78 ")
        await board.press("G")
        await board.shows("line 199", "following")
        story.prints("one more")
        await board.shows("201 lines", "one more")


@SIZES
async def test_host_and_eval_show_the_newest_figures(
    lived: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    async with open_board(RUN, size=size) as board:
        await board.press("H")
        await board.shows(
            "cpu 41.0 % 41.0 % – 93.0 %", "memory 412 MB", "disk free 51 GB", "no GPU was reported"
        )
        await board.press("E")
        await board.shows("2 evaluations", "reward/mean", "exact_match", "0.800", "0.700")


async def test_a_tab_gives_way_to_another_and_esc_goes_back_to_the_run(
    lived: Journal, open_board: Open
) -> None:
    async with open_board(RUN) as board:
        await board.shows("1 reward")
        await board.press("o", "a", "v")
        await board.shows("recognised")
        assert sum(isinstance(screen, TabScreen) for screen in board.app.screen_stack) == 1
        lived.story("another", ago=3)
        await board.press("escape")
        await board.until(lambda: isinstance(board.app.screen, RunScreen))
        await board.shows("1 reward", "committed step 40")
        assert board.app.desk.wanted is None
        await board.press("v", "v")
        await board.until(lambda: isinstance(board.app.screen, RunScreen))


async def test_a_tab_of_the_chosen_run_opens_from_home(lived: Journal, open_board: Open) -> None:
    async with open_board() as board:
        await board.shows("1 run")
        await board.press("a")
        await board.shows("2 attempts")
        await board.press("escape")
        await board.shows("1 run", "enter opens")


async def test_the_audit_says_who_asked_for_what(lived: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await board.shows("RUNNING")
        await board.press("c")
        await board.shows("SENT checkpoint")
        await board.press("A")
        await board.shows("1 deed", "checkpoint", "waiting", "no watcher has answered")
