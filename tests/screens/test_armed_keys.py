"""Keys over a production target: nothing acts until it is armed, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from conftest import SMALL, Open
from run_story import Journal

from remote.vocabulary.commands import Intent
from tui_app.arming import IDLE_SECONDS
from tui_app.journal.intents import IntentReader
from tui_app.locations import Locations
from tui_app.screens.confirm import ConfirmScreen
from tui_app.screens.spawn import SpawnScreen

RUN = "sort-digits"


@pytest.fixture
def modal(locations: Locations) -> Locations:
    place = Locations.of("modal")
    place.prepare()
    return place


@pytest.fixture
def production(modal: Locations) -> Iterator[Journal]:
    journal = Journal(modal.journal, target="modal")
    journal.story(ago=12.2).begin().steps(27)
    yield journal
    journal.close()


@pytest.fixture
def sent(modal: Locations) -> Callable[[], list[Intent]]:
    def read() -> list[Intent]:
        reader = IntentReader(modal.intents)
        try:
            return [intent for _, intent in reader.read()]
        finally:
            reader.close()

    return read


@pytest.mark.parametrize("key", ["s", "c", "p", "x"])
async def test_a_key_on_a_disarmed_target_does_nothing_and_says_how_to_arm(
    production: Journal, modal: Locations, open_board: Open, sent: Callable[[], list[Intent]], key: str
) -> None:
    async with open_board(RUN, place=modal) as board:
        await board.shows("DISARMED, W arms", "RUNNING · step 27/250")
        await board.press(key)
        await board.shows("REFUSED", "MODAL is disarmed; W arms it until 10 idle minutes")
        assert not isinstance(board.app.screen, ConfirmScreen | SpawnScreen)
        assert not sent()


async def test_w_arms_and_a_checkpoint_goes_out_and_w_disarms_again(
    production: Journal, modal: Locations, open_board: Open, sent: Callable[[], list[Intent]]
) -> None:
    async with open_board(RUN, place=modal) as board:
        await board.shows("DISARMED", "s(spawn)")
        await board.press("W")
        await board.shows("ARMED 10 min", "keys act on MODAL now; W disarms", "s spawn")
        await board.press("c")
        await board.until(sent)
        await board.press("W")
        await board.shows("DISARMED, W arms")


async def test_ten_idle_minutes_disarm_even_with_a_dialog_open(
    production: Journal, modal: Locations, open_board: Open, sent: Callable[[], list[Intent]]
) -> None:
    shift = [0.0]
    clock = lambda: time.time() + shift[0]  # noqa: E731 - a clock that a test moves
    async with open_board(RUN, place=modal, clock=clock, rw=True) as board:
        await board.shows("ARMED")
        await board.press("p")
        await board.until(lambda: isinstance(board.app.screen, ConfirmScreen))
        await board.press("tab")
        shift[0] = IDLE_SECONDS + 5
        await board.press("enter")
        await board.shows("REFUSED", "MODAL is disarmed")
        assert not sent()


async def test_rw_arms_from_the_start_and_read_only_wins_over_it(
    production: Journal, modal: Locations, open_board: Open
) -> None:
    async with open_board(RUN, place=modal, rw=True) as board:
        await board.shows("ARMED 10 min")
    async with open_board(RUN, place=modal, rw=True, read_only=True) as board:
        await board.shows("READ-ONLY")
        await board.press("W")
        await board.shows("REFUSED this dashboard is read-only")
        await board.press("x")
        await board.shows("REFUSED stop: this dashboard is read-only")


async def test_local_is_always_armed(journal: Journal, open_board: Open) -> None:
    journal.story(ago=12.2).begin().steps(27)
    async with open_board(RUN, size=SMALL) as board:
        await board.shows("s spawn c checkpoint")
        assert "ARMED" not in board.words
        await board.press("W")
        await board.shows("LOCAL is always armed")
        await board.press("x")
        await board.until(lambda: isinstance(board.app.screen, ConfirmScreen))
