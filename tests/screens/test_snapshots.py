"""Every screen as the terminal is sent it, text and styles, against files in snapshots/.

To renew them after a change that was meant, and then look at the difference with git:

    MIDDLEWATCH_RENEW=1 python -m pytest -n0 tests/screens/test_snapshots.py

One file holds one screen at one size: its lines, then for each line the lengths of its runs of cells of
one style (``a12 b3``), then what the letters stand for: all that an SVG of it is made from, in a form whose
difference can be read. A screen that differs is left as SVG too, to be looked at. The clock stands still, and
the run is told into a real journal.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Board, Open
from rich.style import Style
from run_story import Journal
from textual.screen import Screen

import tui_app.screens
from remote.vocabulary.commands import Intent, Outcome, OutcomeState, Verb
from tui_app.locations import Locations
from tui_app.state.alert_book import Alert, AlertBook
from tui_app.state.alert_terms import AlertSeverity

FOLDER = Path(__file__).parent / "snapshots"
RENEW = "MIDDLEWATCH_RENEW"
NOW = 1_795_575_600.0
RUN = "sort-digits"
BASES = {"DeskScreen", "Dialog", "TabScreen", "Palette"}
"""What is no screen of its own: what others are made of, and Textual's."""

WALK: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("run", (), "committed step 80"),
    ("run-cursor", ("L", "S", "N"), "CURSOR step 77"),
    ("run-events", ("escape", "L", "S", "e"), "the checkpoint of step 70"),
    ("rollouts", ("escape", "o"), "sampled steps"),
    ("attempts", ("a",), "3 attempts"),
    ("volume", ("v",), "checkpoint"),
    ("logs", ("l",), "epoch 2"),
    ("host", ("H",), "disk free"),
    ("eval", ("E",), "exact_match"),
    ("audit", ("A",), "step 80 committed"),
    ("alerts", ("exclamation_mark",), "2 alerts"),
    ("describe", ("d",), "steps redone"),
    ("help", ("escape", "question_mark"), "preempt-test"),
    ("confirm", ("escape", "x"), "same as"),
    ("spawn", ("escape", "s"), "spawn a run"),
    ("spawn-sampling", ("pagedown",), "prompts a step"),
    ("spawn-wrong", ("pagedown", "x"), "not a number"),
    ("home", ("escape", "escape"), "3 runs"),
    ("home-filter", ("slash", "b", "a", "s"), "1 of 3"),
    ("compare", ("escape", "g", "space", "space", "equals_sign"), "compare reward"),
    ("evaluate", ("escape", "g", "E", "e"), "held-out prompts"),
)
KINDS = [
    pytest.param((80, 24), "", id="80x24"),
    pytest.param((120, 40), "", id="120x40"),
    pytest.param((200, 60), "", id="200x60"),
    pytest.param((80, 24), "no-colour", id="no-colour"),
    pytest.param((80, 24), "safe", id="colour-blind"),
    pytest.param((80, 24), "16", id="16-colours"),
    pytest.param((80, 24), "ascii", id="ascii"),
]


def still() -> float:
    return NOW


@pytest.fixture
def told(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A run with a failure and a preemption behind it, one that waits, and one that has ended."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    journal = Journal(locations.journal, clock=still)
    journal.story("base-line", ago=4000).begin().steps(50).end("SUCCEEDED")
    journal.story("wide-open", ago=40).begin().steps(34).now(2.0).fail(delay=20.0)
    story = journal.story(ago=50.5).begin().steps(20).sample().evaluate(0.31).host(88.0).prints("epoch 1")
    story.steps(34).fail().wait(5).claim().load().steps(60).sample((0.9, 0.4)).evaluate(0.64).host(93.0)
    story.steps(77).drain(0.3, saving=False).preempted().claim("warm_spare", 0.02).load().steps(84)
    story.prints("epoch 2", "UserWarning: careful", fd="stderr").now(0.2).say(
        "phase.changed", phase="STEPPING"
    )
    _asked(journal)
    _alerted(journal, story.t)
    yield journal
    journal.close()
    monkeypatch.undo()
    time.tzset()


def _asked(journal: Journal) -> None:
    intent = Intent(
        id="in-1",
        verb=Verb.CHECKPOINT,
        run=RUN,
        attempt=3,
        created_at=NOW - 9,
        expires_at=NOW,
        by="ana",
        host="jump1",
    )
    outcome = Outcome(intent="in-1", state=OutcomeState.DONE, detail="step 80 committed", at=NOW - 8)
    journal.writer.record_outcome(intent, outcome)


def _alerted(journal: Journal, t: float) -> None:
    told = (
        ("not_finite", AlertSeverity.CRITICAL, "loss is NaN", "step 83: loss NaN", "x"),
        ("commit_lag", AlertSeverity.WARNING, "commits lag", "4 steps are not committed", "c"),
    )
    alerts = {
        rule: Alert(
            rule=rule, severity=severity, run=RUN, text=text, evidence=evidence, key=key, since=t - 20
        )
        for rule, severity, text, evidence, key in told
    }
    journal.writer.set_alerts(RUN, AlertBook(alerts=alerts))


def picture(board: Board) -> str:
    """The topmost screen: text, then styles."""
    letters: dict[Style, str] = {}
    texts, runs = [], []
    for strip in board.app.screen._compositor.render_strips():
        texts.append(strip.text.rstrip())
        line: list[list[object]] = []
        for segment in strip:
            style = _seen(segment.style or Style())
            letter = letters.setdefault(style, _letter(len(letters)))
            if line and line[-1][0] == letter:
                line[-1][1] += segment.cell_length  # type: ignore[operator]
            else:
                line.append([letter, segment.cell_length])
        runs.append(" ".join(f"{letter}{cells}" for letter, cells in line))
    legend = [f"{letter} {style}" for style, letter in letters.items()]
    return "\n".join([*texts, "", *runs, "", *legend, ""])


def _seen(style: Style) -> Style:
    """What can be seen of a style: no handlers of clicks."""
    return Style(
        color=style.color,
        bgcolor=style.bgcolor,
        bold=style.bold,
        dim=style.dim,
        reverse=style.reverse,
        underline=style.underline,
    )


def _letter(index: int) -> str:
    return chr(ord("a") + index) if index < 26 else f"{chr(ord('A') + index - 26)}"


async def settled(board: Board) -> str:
    """The picture, once nothing comes any more."""
    before = ""
    for _ in range(40):
        board.app.tick()
        await board.pilot.pause(0.15)
        if (now := picture(board)) == before:
            return now
        before = now
    raise AssertionError(f"the screen does not come to rest:\n{board.text}")


def dressed(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], kind: str) -> Path:
    """Have the terminal be of this kind; where its pictures are kept."""
    if kind == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    elif kind in ("safe", "16"):
        monkeypatch.setenv("MIDDLEWATCH_THEME", kind)
    return FOLDER / "-".join(part for part in ("x".join(map(str, size)), kind) if part)


@pytest.mark.parametrize(("size", "kind"), KINDS)
async def test_every_screen_is_as_it_was(
    told: Journal,
    open_board: Open,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    size: tuple[int, int],
    kind: str,
) -> None:
    folder = dressed(monkeypatch, size, kind)
    different, seen = [], {"TooSmallScreen"}
    async with open_board(RUN, size=size, clock=still, ascii_art=kind == "ascii") as board:
        await board.until(lambda: board.app.desk.track.last_step == 84)
        for screen, keys, shown in WALK:
            await board.press(*keys)
            await board.shows(shown)
            found = await settled(board)
            seen.add(type(board.app.screen).__name__)
            if kind == "no-colour":
                assert not {word for word in _colours(found) if not _grey(word)}, screen
            if not _same(folder / f"{screen}.txt", found):
                look = tmp_path / f"{screen}.svg"
                look.write_text(board.app.export_screenshot(), encoding="utf-8")
                different.append(f"{screen}, see {look}:\n{board.text}")
    assert every_screen() == seen, "each screen has a snapshot"
    assert not different, f"{len(different)} screens differ from {FOLDER.name}/{folder.name}\n" + "\n".join(
        different
    )


async def test_a_terminal_that_is_too_small_is_as_it_was(told: Journal, open_board: Open) -> None:
    async with open_board(RUN, size=(60, 20), clock=still) as board:
        await board.shows("Terminal too small: 60x20", "needs 80x24")
        assert _same(FOLDER / "60x20" / "too-small.txt", await settled(board)), board.text


def every_screen() -> set[str]:
    """The names of all screens and dialogs that the dashboard has."""
    found = set()
    for module in pkgutil.iter_modules(tui_app.screens.__path__, "tui_app.screens."):
        for kind in vars(importlib.import_module(module.name)).values():
            is_screen = isinstance(kind, type) and issubclass(kind, Screen)
            if is_screen and kind.__module__ == module.name and kind.__name__ not in BASES:
                found.add(kind.__name__)
    return found


def _same(path: Path, found: str) -> bool:
    if os.environ.get(RENEW):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, encoding="utf-8")
    return path.exists() and path.read_text(encoding="utf-8") == found


def _colours(found: str) -> set[str]:
    legend = found.rstrip("\n").rsplit("\n\n", 1)[-1]
    return {word for line in legend.splitlines() for word in line.split() if word.startswith("#")}


def _grey(colour: str) -> bool:
    return len({colour[1:3], colour[3:5], colour[5:7]}) == 1
