"""Keys that come faster than screens: in one packet of a slow link, or while something opens or closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from conftest import SMALL, Board, Open
from run_story import Journal
from textual.events import Key

from remote.vocabulary.commands import Intent, Verb
from tui_app.acting_feed import ActingFeed, Wish
from tui_app.arming import IDLE_SECONDS
from tui_app.feed import LOOK_AGAIN_SECONDS, Feed
from tui_app.journal.intents import IntentReader
from tui_app.locations import Locations
from tui_app.screens.confirm import ConfirmScreen
from tui_app.screens.desk_screen import DeskScreen
from tui_app.screens.spawn import SpawnScreen

RUN = "sort-digits"
PACKETS = 8


def packet(board: Board, *keys: str) -> None:
    """Keys as a driver gives them when they have come together."""
    for key in keys:
        board.app.post_message(Key(key, key if len(key) == 1 else None))


@asynccontextmanager
async def stepping(journal: Journal, open_board: Open) -> AsyncIterator[Board]:
    """The dashboard on a run that steps."""
    journal.story(ago=12).begin().steps(3)
    async with open_board(RUN, size=SMALL) as board:
        await board.shows("RUNNING")
        yield board


async def settled(board: Board) -> None:
    for _ in range(5):
        await board.pilot.pause()


async def test_a_form_that_is_turned_and_closed_at_once_breaks_nothing(
    journal: Journal, open_board: Open
) -> None:
    async with stepping(journal, open_board) as board:
        for _ in range(PACKETS):
            packet(board, "s")
            await board.until(lambda: isinstance(board.app.screen, SpawnScreen))
            packet(board, "pagedown", "escape")
            await board.until(lambda: isinstance(board.app.screen, DeskScreen))
            await settled(board)


async def test_a_key_for_a_run_that_is_just_being_opened_breaks_nothing(
    journal: Journal, open_board: Open
) -> None:
    async with stepping(journal, open_board) as board:
        for _ in range(PACKETS):
            packet(board, "escape", "enter", "j", "n")
            await settled(board)
            await board.shows("RUNNING")


async def test_q_leaves_also_before_the_widgets_stand(journal: Journal, open_board: Open) -> None:
    async with stepping(journal, open_board) as board:
        screen = board.app.screen
        assert isinstance(screen, DeskScreen)
        screen._stands = False
        await board.press("p")
        assert board.app.screen is screen
        await board.press("q")
        assert board.app.return_value == 0


async def test_the_palette_is_not_opened_over_dialogs_and_survives_its_own_keys(
    journal: Journal, open_board: Open
) -> None:
    async with stepping(journal, open_board) as board:
        packet(board, "ctrl+p", "pageup", "pagedown")
        await settled(board)
        await board.press("escape", "p")
        assert isinstance(board.app.screen, ConfirmScreen)
        await board.press("ctrl+p")
        assert isinstance(board.app.screen, ConfirmScreen)
        await board.press("escape")
        await board.pilot.resize_terminal(60, 20)
        await board.shows("Terminal too small")
        await board.press("ctrl+p", "ctrl+p")
        await board.pilot.resize_terminal(*SMALL)
        await board.shows("RUNNING")


async def test_an_answer_under_the_notice_of_a_small_terminal_is_given_once_when_that_is_gone(
    journal: Journal, open_board: Open, intents: Callable[[], list[Intent]]
) -> None:
    async with stepping(journal, open_board) as board:
        await board.press("p")
        dialog = board.app.screen
        assert isinstance(dialog, ConfirmScreen)
        await board.pilot.resize_terminal(60, 20)
        await board.shows("Terminal too small")
        dialog.dismiss(True)
        await settled(board)
        await board.shows("Terminal too small")
        assert intents() == []
        await board.pilot.resize_terminal(*SMALL)
        await board.shows("RUNNING", "SENT")
        await settled(board)
        assert [intent.verb for intent in intents()] == [Verb.PREEMPT]


async def test_a_form_that_outlived_the_arming_starts_nothing(open_board: Open) -> None:
    place = Locations.of("modal")
    place.prepare()
    journal = Journal(place.journal, target="modal")
    journal.story(ago=12).begin().steps(3)
    now = [1_800_000_000.0]
    async with open_board(RUN, place=place, rw=True, clock=lambda: now[0]) as board:
        await board.press("s")
        assert isinstance(board.app.screen, SpawnScreen)
        now[0] += IDLE_SECONDS + 1
        board.app.screen.action_spawn()
        await board.shows("REFUSED", "MODAL is disarmed")
    reader = IntentReader(place.intents)
    assert list(reader.read()) == []
    reader.close()
    journal.close()


@pytest.mark.parametrize("round_", range(5))
def test_what_was_decided_just_before_the_end_is_asked_for(
    journal: Journal, locations: Locations, intents: Callable[[], list[Intent]], round_: int
) -> None:
    journal.story(ago=12).begin().steps(3)
    feed = ActingFeed(locations)
    feed.start()
    feed.wait(5.0)
    feed.ask(Wish(Verb.CHECKPOINT, RUN, 1))
    feed.close()
    assert [intent.verb for intent in intents()] == [Verb.CHECKPOINT]
    assert feed.unwritten == []


def test_what_could_not_be_written_at_the_end_is_kept_to_be_said(locations: Locations) -> None:
    locations.intents.mkdir()
    feed = ActingFeed(locations)
    feed.ask(Wish(Verb.CHECKPOINT, RUN, 1))
    feed._stop.set()
    feed._run()
    (text,) = feed.unwritten
    assert text.startswith(f"checkpoint {RUN}: ")


def test_a_run_that_is_opened_again_before_anybody_looked_is_read_from_its_start(
    journal: Journal, locations: Locations
) -> None:
    journal.story(ago=12).begin().steps(3)
    feed = Feed(locations)
    for wanted in (RUN, None):
        feed.watch(wanted)
        if wanted is not None:
            feed._round()
            assert feed.take().histories
    feed.watch(RUN)
    feed._round()
    histories = feed.take().histories
    assert histories[0].fresh
    assert any(history.lines for history in histories)
    feed._drop_reader()


async def test_a_journal_that_is_begun_anew_is_read_from_its_start(
    journal: Journal, locations: Locations, open_board: Open
) -> None:
    """As the dashboard itself advises where one is damaged: moved away, and another one begun."""
    journal.story(ago=12).begin().steps(3)
    async with open_board(RUN) as board:
        await board.shows("step 3/250")
        journal.close()
        for path in locations.journal.parent.glob(f"{locations.journal.name}*"):
            path.rename(path.with_name(f"old-{path.name}"))
        await asyncio.sleep(2 * LOOK_AGAIN_SECONDS)
        again = Journal(locations.journal)
        again.story(ago=12).begin().steps(7)
        await board.shows("step 7/250")
        again.close()
