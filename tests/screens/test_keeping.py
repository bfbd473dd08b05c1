"""What a key hands over or keeps is on disk, private, said, and clean; a name is typed where it counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LARGE, Open
from run_story import Journal

from remote.vocabulary.commands import Intent
from tui_app.locations import Locations
from tui_app.options import Options
from tui_app.state.cost import Prices

RUN = "sort-digits"


async def test_y_hands_state_and_events_over_as_markdown(
    journal: Journal, locations: Locations, open_board: Open
) -> None:
    story = journal.story(ago=12).begin().steps(27)
    story.say("exception.raised", kind="E", message="\x1b]52;c;cm0=\x07boo `x`", retryable=True)
    async with open_board(RUN) as board:
        await board.shows("boo")
        await board.press("y")
        await board.shows("DONE copied")
        (path,) = (locations.state / "kept").iterdir()
        await board.until(lambda: str(path) in "".join(line.strip() for line in board.text.splitlines()))
        text = path.read_text()
        assert text.startswith("**sort-digits RUNNING**")
        assert "committed step 20" in text
        assert "boo" in text
        assert "\x1b" not in text
        assert board.app.clipboard == text
        assert path.stat().st_mode & 0o077 == 0


async def test_ctrl_s_keeps_a_picture_and_says_where(
    journal: Journal, locations: Locations, open_board: Open
) -> None:
    journal.story(ago=12).begin().steps(27)
    async with open_board(RUN, size=(160, 40)) as board:
        await board.shows("step 27/250")
        await board.press("ctrl+s")
        await board.shows("DONE picture in")
        (path,) = (locations.state / "kept").iterdir()
        assert path.suffix == ".svg"
        picture = path.read_text()
        assert "RUNNING" in picture
        assert 'xml:space="preserve"' in picture
        assert not re.search("<text[^>]*>[^<]*[\u2500-\u28ff][^<]+<", picture), (
            "a sign of a chart stands alone"
        )


@pytest.fixture
def modal_place(tmp_path: Path, locations: Locations) -> Locations:
    place = Locations.of("modal")
    place.prepare()
    return place


async def test_stopping_a_run_on_modal_needs_its_name(
    modal_place: Locations, open_board: Open, intents: Callable[[], list[Intent]]
) -> None:
    journal = Journal(modal_place.journal, target="modal")
    journal.story(ago=12).begin().steps(27)
    async with open_board(RUN, place=modal_place, rw=True) as board:
        await board.shows("RUNNING")
        await board.press("x")
        await board.shows("type the run's name", "middlewatch --target modal stop sort-digits")
        await board.press("enter", "enter")
        await board.shows("CANCELLED")
        await board.press("x")
        await board.shows("type the run's name")
        await board.press(*"sort-digit")
        assert board.app.screen.query_one("#do").disabled
        await board.press("s")
        await board.until(lambda: not board.app.screen.query_one("#do").disabled)
        await board.press("enter", "tab", "enter")
        await board.shows("SENT stop sort-digits")
    journal.close()


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        (Prices({"H100": 36.0}, "USD"), "since that commit, "),
        (Prices(), "(no price for"),
    ],
)
async def test_a_confirmation_says_what_a_kill_would_cost_now(
    journal: Journal, open_board: Open, prices: Prices, said: str
) -> None:
    journal.story(ago=90).begin(gpus=8).steps(27)
    async with open_board(RUN, size=LARGE, options=Options(prices=prices)) as board:
        await board.shows("8 present", "cost" if prices.per_hour else "cost: no price for H100")
        await board.press("p")
        await board.shows("A kill now costs", said, "y copies it")
        await board.press("y")
        await board.shows("copied, if the terminal lets us")
        assert board.app.clipboard == "middlewatch preempt sort-digits"
