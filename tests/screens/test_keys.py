"""Every key does what it says, asks before it costs, and its outcome is said."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from conftest import LARGE, SMALL, Board, Open
from run_story import Journal

from remote.vocabulary.commands import Intent, Outcome, OutcomeState, Verb
from remote.vocabulary.run_config import DrillKind, RunConfig
from tui_app.actions import ACTIONS
from tui_app.run_fields import FIELDS, Section
from tui_app.screens.confirm import ConfirmScreen
from tui_app.screens.help import HelpScreen
from tui_app.screens.home import HomeScreen
from tui_app.screens.run import RunScreen
from tui_app.screens.spawn import SpawnScreen
from tui_app.terminal import AFTER_A_FRAME_SECONDS

RUN = "sort-digits"
Intents = Callable[[], list[Intent]]


def answer(journal: Journal, intent: Intent, state: OutcomeState, detail: str) -> None:
    """What a watcher writes when it has dealt with an intent."""
    outcome = Outcome(intent=intent.id, state=state, detail=detail, at=time.time())
    journal.writer.record_outcome(intent, outcome)


async def running(journal: Journal, board: Board) -> None:
    await board.shows("RUNNING · step 27/250")


@pytest.fixture
def live(journal: Journal) -> Journal:
    journal.story(ago=12.2).begin().steps(27)
    return journal


@pytest.fixture
def ended(journal: Journal) -> Journal:
    story = journal.story(ago=12.2).begin().steps(27)
    story.end("STOPPED", detail="the operator asked for it")
    return journal


async def test_c_asks_for_a_checkpoint_of_this_attempt_and_says_what_became_of_it(
    live: Journal, open_board: Open, intents: Intents
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("c")
        await board.shows("SENT checkpoint sort-digits")
        (intent,) = intents()
        assert (intent.verb, intent.run, intent.attempt) == (Verb.CHECKPOINT, RUN, 1)
        answer(live, intent, OutcomeState.SENT, "on its way to attempt 1")
        await board.shows("SENT checkpoint sort-digits: on its way to attempt 1")
        answer(live, intent, OutcomeState.DONE, "step 28 committed")
        await board.shows("DONE checkpoint sort-digits: step 28 committed")


async def test_a_refusal_of_the_watcher_is_said(live: Journal, open_board: Open, intents: Intents) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("c")
        await board.until(intents)
        answer(live, intents()[0], OutcomeState.REFUSED, "attempt 1 has ended")
        await board.shows("REFUSED checkpoint sort-digits: attempt 1 has ended")


@pytest.mark.parametrize(("key", "verb"), [("p", Verb.PREEMPT), ("x", Verb.STOP)])
@pytest.mark.parametrize("answer_keys", [("enter",), ("escape",), ("n",), ("tab", "tab", "enter")])
async def test_a_hasty_answer_destroys_nothing(
    live: Journal, open_board: Open, intents: Intents, key: str, verb: Verb, answer_keys: tuple[str, ...]
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press(key)
        await board.until(lambda: isinstance(board.app.screen, ConfirmScreen))
        await board.shows("7 steps since the commit of step 20", f"middlewatch {verb} {RUN}", "Cancel")
        assert board.app.focused is not None
        assert board.app.focused.id == "cancel"
        await board.press(*answer_keys)
        await board.shows("CANCELLED", "nothing was done")
        assert not intents()


@pytest.mark.parametrize(("key", "verb"), [("p", Verb.PREEMPT), ("x", Verb.STOP)])
@pytest.mark.parametrize("way", ["tab", "right", "l"])
async def test_going_to_the_button_and_pressing_it_does_it(
    live: Journal, open_board: Open, intents: Intents, key: str, verb: Verb, way: str
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press(key)
        await board.until(lambda: isinstance(board.app.screen, ConfirmScreen))
        await board.press(way, "enter")
        await board.shows(f"SENT {verb} {RUN}")
        (intent,) = intents()
        assert (intent.verb, intent.run, intent.attempt) == (verb, RUN, 1)


async def test_pressing_the_key_twice_asks_once_and_does_nothing(
    live: Journal, open_board: Open, intents: Intents
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("x", "x", "x")
        await board.until(lambda: isinstance(board.app.screen, ConfirmScreen))
        assert sum(isinstance(screen, ConfirmScreen) for screen in board.app.screen_stack) == 1
        assert not intents()


async def test_r_is_refused_with_a_sentence_while_the_run_is_live(
    live: Journal, open_board: Open, intents: Intents
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("r")
        await board.shows("REFUSED", "is live (RUNNING); only a run that has ended can be resumed")
        assert not intents()


async def test_r_resumes_an_ended_run_with_its_own_config(
    ended: Journal, open_board: Open, intents: Intents
) -> None:
    async with open_board(RUN) as board:
        await board.shows("STOPPED")
        await board.press("r")
        await board.shows("resume sort-digits?", "starts from step 20", "7 steps after it are done again")
        await board.press("tab", "enter")
        await board.shows("SENT resume sort-digits")
        (intent,) = intents()
        assert (intent.verb, intent.attempt) == (Verb.RESUME, None)
        assert RunConfig.from_json(intent.args["config"]).steps == 250


@pytest.mark.parametrize("key", ["c", "p", "x"])
async def test_what_needs_a_live_run_is_refused_after_its_end(
    ended: Journal, open_board: Open, intents: Intents, key: str
) -> None:
    async with open_board(RUN) as board:
        await board.shows("STOPPED")
        await board.press(key)
        await board.shows("REFUSED sort-digits has ")
        assert not intents()


async def test_an_intent_that_no_watcher_answers_is_said_to_have_expired(
    live: Journal, open_board: Open, intents: Intents
) -> None:
    shift = [0.0]
    async with open_board(RUN, clock=lambda: time.time() + shift[0]) as board:
        await running(live, board)
        await board.press("c")
        await board.shows("SENT")
        shift[0] = 90.0
        await board.shows("EXPIRED checkpoint sort-digits: no watcher answered in time; nothing was done")


async def test_s_opens_a_form_with_the_next_free_name(
    live: Journal, open_board: Open, intents: Intents
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("s")
        await board.shows(
            "spawn a run", "sort-digits-2", "middlewatch spawn --name sort-digits-2 --task sort-digits"
        )
        await board.press("escape")
        await board.shows("CANCELLED spawn: nothing was started")
        assert not intents()


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("steps", "0", "allowed: 1 to 1000000"),
        ("steps", "many", "not a whole number"),
        ("steps", "1.5", "not a whole number"),
        ("steps", "", "needed: 1 to 1000000"),
        ("seed", "-1", "allowed: 0 to"),
        ("max_retries", "11", "allowed: 0 to 10"),
        ("task", "chess", "allowed: one of"),
        ("task", "reasoning-gym:Letter", "allowed: one of"),
        ("gpu", "H100:9", "allowed: a type and a count"),
        ("grace_seconds", "soon", "not a number"),
        ("grace_seconds", "31", "allowed: 0.0 to 30.0"),
        ("run", "Bad Name", "only a-z, 0-9 and -"),
        ("run", RUN, "there is a run of this"),
    ],
)
async def test_the_form_says_what_is_wrong_beside_the_field_and_does_not_send(
    live: Journal, open_board: Open, intents: Intents, field: str, typed: str, said: str
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("s")
        await board.until(lambda: isinstance(board.app.screen, SpawnScreen))
        box = board.app.screen.query_one(f"#{field}")
        box.focus()
        box.value = typed  # type: ignore[attr-defined]
        await board.shows("✗ " + said)
        assert board.app.screen.query_one("#do").disabled
        await board.press("ctrl+s")
        assert isinstance(board.app.screen, SpawnScreen)
        assert not intents()


async def test_the_form_spawns_what_was_typed(live: Journal, open_board: Open, intents: Intents) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("s")
        await board.until(lambda: isinstance(board.app.screen, SpawnScreen))
        await board.press(*"500", "enter", *"7", "enter", *"A100:2", "enter", *"2")
        await board.press("pagedown", "pagedown", "pagedown", *"20", "down", "down", "down", *"50")
        await board.press("pagedown", *"40, 60")
        await board.shows("--steps 500 --seed 7 --gpu A100:2 --max-retries 2", "ctrl+y copies all of it")
        await board.press("ctrl+s")
        await board.shows("SENT spawn sort-digits-2")
        (intent,) = intents()
        config = RunConfig.from_json(intent.args["config"])
        assert (config.steps, config.seed, config.max_retries, config.checkpoint_interval) == (500, 7, 2, 20)
        assert (config.gpu, config.eval_interval) == ("A100:2", 50)
        assert [(drill.kind, drill.step) for drill in config.drills] == [
            (DrillKind.EXCEPTION, 40),
            (DrillKind.EXCEPTION, 60),
        ]
        assert (intent.verb, intent.run, intent.attempt) == (Verb.SPAWN, "sort-digits-2", None)


@pytest.mark.parametrize(
    ("section", "field", "typed", "said"),
    [
        ("sampling", "minibatches", "5", "allowed: a divisor of prompts_per_step (32)"),
        ("sampling", "completion_tokens", "40000", "allowed: 0 to 32768"),
        ("sampling", "advantage_std", "perhaps", "only yes or no"),
        ("learning", "clip_high", "11", "allowed: 0.0 to 10.0"),
        ("learning", "learning_rate", "nan", "not a number"),
        ("keeping", "checkpoint_interval", "0", "allowed: 1 to 100000"),
        ("keeping", "eval_prompts", "0", "allowed: 1 to 4096"),
        ("faults", "fail_at_step", "300", "allowed: a step from 1 to 250"),
        ("faults", "preempt_at_step", "4;5", "only whole numbers and commas"),
    ],
)
async def test_a_page_with_something_wrong_is_marked_and_the_form_does_not_send(
    live: Journal, open_board: Open, intents: Intents, section: str, field: str, typed: str, said: str
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("s")
        await board.until(lambda: isinstance(board.app.screen, SpawnScreen))
        await board.press(*["pagedown"] * list(Section).index(Section(section)))
        await board.until(lambda: board.app.screen.query(f"#{field}"))
        box = board.app.screen.query_one(f"#{field}")
        box.focus()
        box.value = typed  # type: ignore[attr-defined]
        await board.shows("✗ " + said[:28], said, f"▸{section}✗")
        assert board.app.screen.query_one("#do").disabled
        await board.press("pageup")
        await board.shows(f"{section}✗")
        assert not intents()


async def test_up_and_down_walk_through_the_fields_of_every_page(live: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("s")
        await board.until(lambda: isinstance(board.app.screen, SpawnScreen))

        def at() -> str | None:
            return board.app.focused.id if board.app.focused is not None else None

        ids = list(FIELDS)
        for field in ids[ids.index("steps") + 1 :]:
            await board.press("down")
            await board.until(lambda field=field: at() == field)  # type: ignore[misc]
        await board.press("down")
        assert at() == ids[-1]
        for field in reversed(ids[:-1]):
            await board.press("up")
            await board.until(lambda field=field: at() == field)  # type: ignore[misc]


async def test_the_forms_command_is_copied_as_a_whole(
    live: Journal, open_board: Open, intents: Intents
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("s")
        await board.until(lambda: isinstance(board.app.screen, SpawnScreen))
        await board.press(*"77", "ctrl+y")
        await board.shows("copied, if the terminal lets us")
        copied = "middlewatch spawn --name sort-digits-2 --task sort-digits --steps 77"
        assert board.app.clipboard == copied
        assert not intents()


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_help_lists_every_verb_with_its_command_or_why_not_now(
    live: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    async with open_board(RUN, size=size) as board:
        await running(live, board)
        await board.press("question_mark")
        await board.until(lambda: isinstance(board.app.screen, HelpScreen))
        for action in ACTIONS.values():
            if action.verb is not None and not action.tab:
                await board.shows(f"{action.key} {action.label}")
        await board.shows("middlewatch stop sort-digits", "not now: sort-digits is live", "ctrl+l")
        await board.press("escape")
        await board.until(lambda: isinstance(board.app.screen, RunScreen))


async def test_esc_goes_home_and_enter_comes_back(live: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("escape")
        await board.shows("1 run", "1 RUNNING", "enter opens")
        assert isinstance(board.app.screen, HomeScreen)
        await board.press("enter")
        await running(live, board)
        await board.until(lambda: board.app.desk.track.last_step == 27)


async def test_the_cursor_moves_with_j_k_and_arrows_and_opens_its_run(
    journal: Journal, open_board: Open
) -> None:
    for number in range(1, 6):
        journal.story(f"run-{number}", ago=100 - number).begin().steps(3)
    async with open_board() as board:
        await board.shows("5 runs", "run-1")

        def chosen() -> str | None:
            screen = board.app.screen
            return screen.subject if isinstance(screen, HomeScreen) else None

        assert chosen() == "run-5"
        for keys, expected in [
            (["j"], "run-4"),
            (["down", "down"], "run-2"),
            (["k"], "run-3"),
            (["G"], "run-1"),
            (["j"], "run-1"),
            (["g"], "run-5"),
            (["up"], "run-5"),
            (["j", "l"], None),
        ]:
            await board.press(*keys)
            await board.until(lambda expected=expected: chosen() == expected)  # type: ignore[misc]
        await board.shows("LOCAL run-4 RUNNING")
        await board.press("escape")
        await board.until(lambda: chosen() == "run-4")


async def test_a_verb_on_home_is_about_the_chosen_run(
    journal: Journal, open_board: Open, intents: Intents
) -> None:
    for number in range(1, 4):
        journal.story(f"run-{number}", ago=100 - number).begin().steps(3)
    async with open_board() as board:
        await board.shows("3 runs", "run-1")
        await board.press("j", "c")
        await board.shows("SENT checkpoint run-2")
        assert [intent.run for intent in intents()] == ["run-2"]


@pytest.mark.parametrize(("key", "status"), [("q", 0), ("ctrl+c", 130), ("ctrl+q", None)])
async def test_quitting_asks_nothing_of_any_run(
    live: Journal, open_board: Open, intents: Intents, key: str, status: int | None
) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.shows("q quit")
        await board.press(key)
        assert board.app.return_value == status
        assert not intents()


async def test_the_palette_offers_the_same_verbs(live: Journal, open_board: Open, intents: Intents) -> None:
    async with open_board(RUN, size=LARGE) as board:
        await running(live, board)
        await board.press("ctrl+p")
        await board.shows("checkpoint (c)", "preempt-test (p)", "resume (r)", "stop (x)", "quit (q)")
        await board.press(*"check", "enter")
        await board.shows("SENT checkpoint sort-digits")
        assert [intent.verb for intent in intents()] == [Verb.CHECKPOINT]


@pytest.mark.parametrize("key", ["s", "c", "p", "x", "r"])
async def test_a_read_only_dashboard_cannot_ask_for_anything(
    live: Journal, open_board: Open, intents: Intents, key: str
) -> None:
    async with open_board(RUN, read_only=True) as board:
        await running(live, board)
        assert not hasattr(board.app.feed, "ask")
        await board.press(key)
        await board.shows("REFUSED", "this dashboard is read-only")
        assert not intents()
        await board.press("escape")
        await board.shows("READ-ONLY")


async def test_keys_that_would_be_refused_now_stand_in_brackets(live: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.shows("s spawn c checkpoint p preempt-test r(resume) x stop ? help q quit")


async def test_ctrl_l_paints_the_screen_again(live: Journal, open_board: Open) -> None:
    async with open_board(RUN) as board:
        await running(live, board)
        await board.press("ctrl+l")
        await running(live, board)


async def test_the_answer_to_a_key_does_not_wait_for_a_frame_of_textuals(
    live: Journal, open_board: Open
) -> None:
    """Where Textual keeps that period elsewhere, ours would have no effect and nobody would notice."""
    async with open_board(RUN) as board:
        await running(live, board)
        assert board.app.screen._update_timer._interval == AFTER_A_FRAME_SECONDS < 1 / 60
