"""A private state directory with a real journal, and the dashboard over it."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from run_story import Journal
from textual.pilot import Pilot

from remote.vocabulary.commands import Intent
from tui_app.app import Middlewatch
from tui_app.journal.intents import IntentReader
from tui_app.locations import Locations

SMALL, LARGE = (80, 24), (120, 40)
PATIENCE_SECONDS = 20.0


@pytest.fixture
def locations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Locations:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("MIDDLEWATCH_ASCII", "0")
    os.environ.pop("NO_COLOR", None)
    found = Locations.of("local")
    found.prepare()
    return found


@pytest.fixture
def journal(locations: Locations) -> Iterator[Journal]:
    kept = Journal(locations.journal)
    yield kept
    kept.close()


class Board:
    """The dashboard under test: its keys, and what it shows."""

    def __init__(self, app: Middlewatch, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot
        self.patience = PATIENCE_SECONDS

    @property
    def text(self) -> str:
        """Everything on the topmost screen, as the terminal would show it."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def words(self) -> str:
        """The same as one line."""
        return " ".join(self.text.split())

    def number(self, pattern: str) -> int:
        """What a pattern's group says now."""
        found = re.search(pattern, self.words)
        assert found is not None, f"no {pattern} in:\n{self.text}"
        return int(found[1])

    async def press(self, *keys: str) -> Board:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        return self

    async def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + self.patience
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain; the screen is:\n{self.text}")
            await asyncio.sleep(0.02)
            await self.pilot.pause()

    async def shows(self, *texts: str) -> None:
        """Wait until all of these are on the screen, wherever a line is wrapped."""
        await self.until(lambda: all(text in self.words for text in texts))

    async def shows_no(self, text: str) -> None:
        await self.until(lambda: text not in self.words)


Open = Callable[..., AbstractAsyncContextManager[Board]]


@pytest.fixture
def open_board(locations: Locations) -> Open:
    @asynccontextmanager
    async def opened(
        run: str | None = None, *, size: tuple[int, int] = SMALL, place: Locations = locations, **more: Any
    ) -> AsyncIterator[Board]:
        app = Middlewatch(place, run, **more)
        async with app.run_test(size=size) as pilot:
            yield Board(app, pilot)

    return opened


@pytest.fixture
def intents(locations: Locations) -> Callable[[], list[Intent]]:
    """What operators have asked for so far."""

    def read() -> list[Intent]:
        reader = IntentReader(locations.intents)
        try:
            return [intent for _, intent in reader.read()]
        finally:
            reader.close()

    return read
