"""Lines that are longer than the screen: cut with a mark, seen from further right, wrapped by a key."""

from __future__ import annotations

from conftest import Board, Open
from run_story import Journal

RUN = "sort-digits"
LONG = "epoch 1: " + " ".join(f"word{number}" for number in range(60)) + " THE END"


def rows(board: Board, text: str) -> list[str]:
    return [line for line in board.text.splitlines() if text in line]


async def test_a_long_log_line_is_cut_and_w_wraps_it_the_next_time_too(
    journal: Journal, open_board: Open
) -> None:
    journal.story(ago=60).begin().steps(3).prints("short", LONG)
    async with open_board(RUN) as board:
        await board.press("l")
        await board.shows("2 lines", "epoch 1: word0", "short")
        assert rows(board, "epoch 1:")[0].endswith("›")
        assert not rows(board, "short")[0].endswith("›")
        await board.press("w")
        await board.shows("wrapped", "THE END")
        assert len(rows(board, "word")) == 7
        await board.until(
            lambda: '"wrap_logs":true' in board.app.locations.state.joinpath("layout.json").read_text()
        )
    async with open_board(RUN) as board:
        await board.press("l")
        await board.shows("wrapped", "THE END")
        await board.press("right")
        await board.shows("REFUSED sideways: long lines are wrapped; w cuts them")
        await board.press("w")
        await board.shows_no("THE END")


async def test_what_a_tab_refused_is_not_said_on_the_screen_below_it(
    journal: Journal, open_board: Open
) -> None:
    journal.story(ago=60).begin().steps(3).prints("short", LONG)
    async with open_board(RUN) as board:
        await board.press("l", "w", "right")
        await board.shows("REFUSED sideways")
        await board.press("escape")
        await board.shows("1 reward")
        await board.shows_no("REFUSED")
        await board.press("r")
        await board.shows("REFUSED sort-digits is live")
        await board.press("l")
        await board.shows("2 lines")
        await board.shows_no("REFUSED")


async def test_left_and_right_show_a_cut_line_from_further_on_to_its_end_and_back(
    journal: Journal, open_board: Open
) -> None:
    journal.story(ago=60).begin().steps(3).prints("short", LONG)
    async with open_board(RUN) as board:
        await board.press("l")
        await board.shows("epoch 1: word0")
        await board.press("right")
        await board.shows("from cell 34", "‹", "›")
        assert "epoch" not in board.words
        await board.press(*["right"] * 30)
        await board.shows("THE END")
        assert not rows(board, "THE END")[0].endswith("›")
        await board.press(*["left"] * 30)
        await board.shows("epoch 1: word0")
        assert "from cell" not in board.words


async def test_wrapped_logs_follow_scroll_and_are_searched_line_by_line(
    journal: Journal, open_board: Open
) -> None:
    story = journal.story(ago=60).begin().steps(3)
    story.prints(*(f"{number} {LONG}" for number in range(40)))
    async with open_board(RUN) as board:
        await board.press("l", "w")
        await board.shows("40 lines", "wrapped", "following", "39 epoch 1:")
        await board.press("g")
        await board.shows("0 epoch 1:", "1–", "G follows")
        await board.press("slash", *"7 epoch", "enter")
        await board.press("n")
        await board.shows("/7 epoch: 4 lines", "7 epoch 1:")
        for expected in ("17 epoch 1:", "27 epoch 1:", "37 epoch 1:"):
            await board.press("n")
            await board.shows(expected)
        await board.press("n")
        await board.shows("no later line has")
        await board.press("N")
        await board.shows("27 epoch 1:")
        await board.press("w")
        await board.shows("27 epoch 1:")
        await board.press("G")
        await board.shows("following", "39 epoch 1:")


async def test_a_long_event_is_cut_and_w_wraps_it_the_next_time_too(
    journal: Journal, open_board: Open
) -> None:
    story = journal.story(ago=60).begin().steps(20)
    story.drain(0.3, saving=False).preempted().claim().load()
    long = "attempt 1 preempted at step 20"
    async with open_board(RUN) as board:
        await board.press("e")
        await board.shows(long)
        assert "no retry used" not in board.words
        assert rows(board, long)[0].endswith("›")
        await board.press("w")
        await board.shows("no retry used")
        await board.press("g", "G", "N")
        await board.shows("▸")
        await board.press("n")
        await board.shows("no later anomaly")
    async with open_board(RUN) as board:
        await board.press("e")
        await board.shows("no retry used")
        await board.press("w")
        await board.shows_no("no retry used")


async def test_every_wrapped_event_can_be_scrolled_to(journal: Journal, open_board: Open) -> None:
    story = journal.story(ago=60).begin().steps(3)
    for number in range(12):
        story.say(
            "exception.raised", kind="DrillError", message=f"N{number} " + "again " * 25, retryable=True
        )
    async with open_board(RUN) as board:
        await board.press("w")
        seen: set[str] = set()
        await board.press("g")
        await board.shows("spawned by ana")
        for _ in range(40):
            seen |= {word for word in board.words.split() if word.startswith("N") and word[1:].isdigit()}
            await board.press("j")
        assert seen == {f"N{number}" for number in range(12)}
        await board.shows("following")
