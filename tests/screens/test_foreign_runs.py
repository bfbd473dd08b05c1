"""Runs that are not ours on the screens: their level, what nobody reports, and keys that say why not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from conftest import LARGE, SMALL, Board, Open
from run_story import Journal, RunStory

from remote.vocabulary.commands import Intent, Verb
from tui_app.widgets.page import Page


def outside(journal: Journal, run: str, steps: int = 0) -> RunStory:
    """A call that emits nothing, or prints its steps."""
    story = journal.story(run)
    about = {"call_id": f"fc-{run}", "function": "Trainer.*", "by": "ana", "host": "jump1"}
    story.infer("run.adopted", level="L0", **about)
    story.infer("container.seen", attempt=1, task_id="ta-1", inferred=True)
    if steps:
        story.infer("run.adopted", level="L1", call_id=f"fc-{run}")
    for step in range(1, steps + 1):
        story.wait(0.4).infer("step.completed", attempt=1, step=step, metrics={"loss": 1 / step})
    journal.writer.record(run, sign_at=journal.clock())
    return story.prints("hello from a stranger")


def emitting(journal: Journal, run: str, *, commits: bool = True) -> RunStory:
    """As the emitter tells it."""
    story = journal.story(run)
    about = {"call_id": "fc-l2", "verb": "adopt", "by": "", "host": "h"}
    story.infer("run.spawned", generation=1, config={"steps": 100}, **about)
    story.attempt = 1
    story.say("attempt.claimed", call_id="fc-l2", task_id="ta-2", boot_id="b1", host="h", resumed_from=0)
    story.say("phase.changed", phase="STEPPING")
    for step in range(1, 13):
        story.wait(0.4).say("step.completed", step=step, of=100, metrics={"loss": 1 / step})
        if commits and step == 10:
            story.say("volume.committed", step=10, name="s10", position=2, bytes=5)
    return story


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(("level", "steps"), [("L0", 0), ("L1", 12)])
async def test_what_a_stranger_does_not_report_reads_so_on_its_screen(
    journal: Journal, open_board: Open, size: tuple[int, int], level: str, steps: int
) -> None:
    outside(journal, "stranger", steps)
    async with open_board("stranger", size=size) as board:
        await board.shows(level, "RUNNING", "not reported")
        assert ("step 12" in board.words) == bool(steps)
        for wrong in ("step 0", "retry 0", "0/0 GPU", "preemptions 0", "redone 0", "uncommitted 0"):
            assert wrong not in board.words


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_stranger_is_described_by_what_it_told_and_not_by_our_defaults(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    outside(journal, "stranger")
    emitting(journal, "emitting")
    async with open_board("stranger", size=size) as board:
        await board.press("d", "G")
        await board.shows("described", "config not reported")
    async with open_board("emitting", size=size) as board:
        await board.press("d", "G")
        await board.shows("config as told", "steps 100")
        assert "another of its kind" not in board.words
        assert "learning rate" not in board.words


async def test_home_tells_strangers_from_runs_of_ours(journal: Journal, open_board: Open) -> None:
    outside(journal, "stranger")
    journal.story("sort-digits").begin().steps(3)
    async with open_board(size=LARGE) as board:
        await board.shows("stranger", "sort-digits", "not reported")


@pytest.mark.parametrize("steps", [0, 12])
async def test_a_key_that_a_level_lacks_says_why(
    journal: Journal, open_board: Open, intents: Callable[[], list[Intent]], steps: int
) -> None:
    outside(journal, "stranger", steps)
    async with open_board("stranger", size=LARGE) as board:
        await board.shows("stranger", "RUNNING")
        await board.press("c")
        await board.shows("checkpoint needs level 2: the trainer of stranger does not read commands")
        await board.press("r")
        await board.shows("not of our trainer")
        assert intents() == []


async def test_a_trainer_with_the_emitter_takes_the_checkpoint_key(
    journal: Journal, open_board: Open, intents: Callable[[], list[Intent]]
) -> None:
    emitting(journal, "adopted")
    async with open_board("adopted", size=LARGE) as board:
        await board.shows("L2", "step 12", "retries not reported")
        await board.press("c")
        await board.until(lambda: [intent.verb for intent in intents()] == [Verb.CHECKPOINT])


async def test_no_commit_told_is_no_commit_count(journal: Journal, open_board: Open) -> None:
    emitting(journal, "adopted", commits=False)
    async with open_board("adopted", size=LARGE) as board:
        await board.shows("L2", "step 12", "commit not reported", "uncommitted not reported")


@pytest.mark.parametrize("key", ["o", "v", "H", "E"])
async def test_a_tab_of_what_nobody_tells_says_so_and_counts_nothing(
    journal: Journal, open_board: Open, key: str
) -> None:
    outside(journal, "stranger", 12)
    journal.story("ours").spawn()
    async with open_board("stranger", size=LARGE) as board:
        await board.shows("L1", "step 12")
        await board.press(key)
        body = await _body(board, "not reported")
        assert not re.search(r"\b0 |\bno \w+|nothing", body), body
    async with open_board("ours", size=LARGE) as board:
        await board.shows("ours", "no step yet")
        await board.press(key)
        assert "yet" in await _body(board, "yet")


async def test_a_foreign_container_has_no_phases(journal: Journal, open_board: Open) -> None:
    outside(journal, "stranger")
    async with open_board("stranger", size=LARGE) as board:
        await board.shows("L0")
        await board.press("a")
        assert "CLAIMED" not in await _body(board, "phases not reported")


async def test_a_metric_that_is_not_printed_is_not_reported(journal: Journal, open_board: Open) -> None:
    outside(journal, "stranger", 12)
    async with open_board("stranger", size=LARGE) as board:
        await board.shows("1 reward", "not reported")
        await board.shows_no("no step yet")


async def _body(board: Board, text: str) -> str:
    """The page of a tab once it says this, without the run's first lines and the foot."""

    def page() -> str:
        pages = board.app.screen.query(Page)
        rows = pages.first().lines(120, 30) if pages else []
        return " ".join("".join(piece for piece, _ in row) for row in rows)

    await board.until(lambda: text in " ".join(page().split()))
    return " ".join(page().split())
