"""The Eval tab: what is under way, what has failed in part, and the keys that begin and end one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from conftest import LARGE, SMALL, Open
from evaluation_story import LOST, AskedEvaluation
from run_story import Journal, RunStory
from test_snapshots import KINDS, NOW, RUN, _same, dressed, settled, still

from remote.vocabulary.commands import Intent, Verb
from tui_app.arming import IDLE_SECONDS
from tui_app.locations import Locations
from tui_app.screens.evaluate import EvaluateScreen

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
Intents = Callable[[], list[Intent]]


def trained(journal: Journal, **about: float) -> RunStory:
    return journal.story(ago=60.0, **about).begin().steps(20).evaluate(0.31).steps(30)


@SIZES
async def test_what_is_under_way_shows_how_far_it_has_come_and_what_has_failed(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    story = trained(journal).now(12.0)
    asked = AskedEvaluation(story)
    async with open_board(RUN, size=size) as board:
        await board.press("E")
        await board.shows(
            "EVALUATING step 30 · 256 prompts in 4 containers, no GPU · 1", "none has answered yet"
        )
        asked.scores(2)
        await board.shows("2 done, 2 to come", "prompts/s")
        asked.loses(3)
        await board.shows("2 done, 1 FAILED, 1 to come", f"slice 3, prompts 129–192: {LOST}", "under way")
        asked.scores().ends("partial", 0.66)
        await board.shows("2 evaluations", "0.660", "0.460", "192", "3/4 slices", "slice 3, prompts 129–192")
        await board.shows_no("EVALUATING")


async def test_each_row_says_whose_evaluation_it_is(journal: Journal, open_board: Open) -> None:
    AskedEvaluation(trained(journal)).scores(4).ends("done", 0.5)
    async with open_board(RUN) as board:
        await board.press("E")
        await board.shows("30 asked", "4 slices", "20 attempt 1", "the trainer's own, in training")


async def test_an_ended_early_one_and_one_of_which_nothing_is_left_say_so(
    journal: Journal, open_board: Open
) -> None:
    story = trained(journal)
    AskedEvaluation(story, id="in-1").scores(1).ends("cancelled", 0.4)
    AskedEvaluation(story, id="in-2", slices=1).loses(1, "CheckpointError: it is damaged").ends("failed")
    async with open_board(RUN) as board:
        await board.press("E")
        await board.shows(
            "CANCELLED", "ended early, when 1 of 4 slices", "FAILED", "CheckpointError: it is damaged"
        )


async def test_without_any_the_tab_says_how_to_get_one(journal: Journal, open_board: Open) -> None:
    journal.story().begin().steps(12)
    async with open_board(RUN) as board:
        await board.press("E")
        await board.shows("no evaluation yet", "e scores the newest committed checkpoint on held-out prompts")


@SIZES
async def test_e_says_what_it_would_start_and_asks_for_it_once_it_is_confirmed(
    journal: Journal, open_board: Open, intents: Intents, size: tuple[int, int]
) -> None:
    trained(journal)
    async with open_board(RUN, size=size) as board:
        await board.press("E", "e")
        await board.shows("evaluate sort-digits?", "The checkpoint of step 30 answers 256 held-out prompts")
        await board.shows("4 containers without a GPU", "no GPU to pay for", "evaluate sort-digits --step 30")
        await board.press("enter")
        await board.shows("CANCELLED evaluate sort-digits: nothing was done")
        assert not intents()
        await board.press("e", "down", "enter")
        await board.until(intents)
        [intent] = intents()
        assert (intent.verb, intent.run) == (Verb.EVALUATE, RUN)
        assert intent.args == {"step": 30, "prompts": 256, "slices": 4}


async def test_in_the_form_step_prompts_and_containers_are_checked_as_they_are_typed(
    journal: Journal, open_board: Open, intents: Intents
) -> None:
    trained(journal)
    async with open_board(RUN) as board:
        copied: list[str] = []
        board.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        await board.press("E", "e")
        await board.until(lambda: isinstance(board.app.screen, EvaluateScreen))
        await board.press("up", *["backspace"] * 3, "8")
        await board.shows("8 containers without a GPU", "--step 30 --slices 8")
        await board.press("up", *["backspace"] * 9, "7")
        await board.shows("slices is 8; allowed is 1 to 7 with 7 prompts", "✗ not allowed")
        await board.press("ctrl+y")
        assert not copied
        await board.press("x")
        await board.shows("prompts is '7x'; allowed is a whole number")
        await board.press("backspace", "0", "up", *["backspace"] * 9, *"20", "ctrl+y")
        await board.shows("The checkpoint of step 20 answers 70 held-out prompts")
        assert copied == ["middlewatch evaluate sort-digits --step 20 --prompts 70 --slices 8"]
        await board.shows("copied, if the terminal lets us")
        await board.press("enter", "enter", "enter", "right", "enter")
        await board.until(intents)
        assert [intent.args for intent in intents()] == [{"step": 20, "prompts": 70, "slices": 8}]


async def test_esc_leaves_the_form_and_nothing_is_asked_for(
    journal: Journal, open_board: Open, intents: Intents
) -> None:
    trained(journal)
    async with open_board(RUN) as board:
        await board.press("E", "e")
        await board.until(lambda: isinstance(board.app.screen, EvaluateScreen))
        await board.press("escape")
        await board.shows("CANCELLED evaluate sort-digits: nothing was done")
        assert not intents()


async def test_upper_x_ends_the_one_that_is_under_way_and_e_begins_no_second_one(
    journal: Journal, open_board: Open, intents: Intents
) -> None:
    story = trained(journal)
    async with open_board(RUN) as board:
        await board.press("E", "X")
        await board.shows("REFUSED no evaluation of sort-digits is under way")
        AskedEvaluation(story).scores(1)
        await board.shows("EVALUATING", "e(evaluate)", "X end evaluation")
        await board.press("e")
        await board.shows("REFUSED an evaluation of step 30 is under way (1 of 4 slices)")
        await board.press("X")
        await board.shows("end evaluation sort-digits?", "3 containers", "kept: 64 of 256 prompts")
        await board.press("tab", "enter")
        await board.until(intents)
        assert [intent.verb for intent in intents()] == [Verb.CANCEL_EVALUATION]


async def test_a_run_without_a_commit_has_nothing_to_evaluate(
    journal: Journal, open_board: Open, intents: Intents
) -> None:
    journal.story().begin().steps(5)
    async with open_board(RUN) as board:
        await board.press("E", "e")
        await board.shows("REFUSED sort-digits has no committed checkpoint yet")
        assert not isinstance(board.app.screen, EvaluateScreen)


@pytest.fixture
def on_modal(locations: Locations) -> Iterator[Locations]:
    """Where a run with eight GPUs goes on."""
    place = Locations.of("modal")
    place.prepare()
    journal = Journal(place.journal, target="modal")
    journal.story(ago=60.0).begin(gpus=8).steps(30)
    yield place
    journal.close()


async def test_on_modal_e_must_be_armed_and_names_gpus_and_their_price(
    on_modal: Locations, open_board: Open
) -> None:
    from tui_app.options import Options
    from tui_app.state.cost import Prices

    options = Options(prices=Prices({"H100": 4.0}, "USD"))
    async with open_board(RUN, place=on_modal, options=options) as board:
        await board.press("E", "e")
        await board.shows("REFUSED evaluate: MODAL is disarmed")
        await board.press("W", "e")
        await board.shows("4 containers each with one H100", "4 H100 (4.00")


@pytest.fixture
def told(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    journal = Journal(locations.journal, clock=still)
    yield journal
    journal.close()
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("size", "kind"), KINDS)
async def test_the_running_and_the_partly_failed_state_are_as_they_were(
    told: Journal, open_board: Open, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], kind: str
) -> None:
    folder = dressed(monkeypatch, size, kind)
    story = trained(told).now(18.0)
    asked = AskedEvaluation(story, slices=8, each=32).scores(3)
    asked.loses(5).loses(2, "ValueError: probability tensor contains either inf, nan or element < 0")
    different = []
    async with open_board(RUN, size=size, clock=still, ascii_art=kind == "ascii") as board:
        await board.press("E")
        await board.shows("3 done, 2 FAILED, 3 to come")
        different += [n for n in ("eval-running",) if not _same(folder / f"{n}.txt", await settled(board))]
        asked.scores(3).ends("partial", 0.64)
        assert story.t <= NOW
        await board.shows("6/8 slices")
        different += [
            n for n in ("eval-partly-failed",) if not _same(folder / f"{n}.txt", await settled(board))
        ]
        text = board.text
    assert not different, f"{different} differ from {folder.name}\n{text}"


async def test_ten_idle_minutes_disarm_also_with_the_form_open(on_modal: Locations, open_board: Open) -> None:
    shift = [0.0]
    clock = lambda: time.time() + shift[0]  # noqa: E731 - a clock that a test moves
    async with open_board(RUN, place=on_modal, clock=clock, rw=True) as board:
        await board.press("E", "e")
        await board.until(lambda: isinstance(board.app.screen, EvaluateScreen))
        await board.press("down")
        shift[0] = IDLE_SECONDS + 5
        await board.press("enter")
        await board.shows("REFUSED evaluate: MODAL is disarmed")
        assert not on_modal.intents.exists()
