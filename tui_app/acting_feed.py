"""The feed of a dashboard whose keys act: it also writes down what the operator decided, and tells what
becomes of it.

    feed.ask(Wish(Verb.CHECKPOINT, "r7"))     # an intent for the watcher; reports follow in `take`
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from remote.vocabulary.commands import OutcomeState, Verb
from tui_app.feed import Feed
from tui_app.journal.reader import JournalError, JournalReader
from tui_app.locations import Locations, UnsafeStateError
from tui_app.widgets.status_line import Report


class Wish(msgspec.Struct, frozen=True):
    """What the operator decided: ``attempt`` is the one that it is aimed at, None for none."""

    verb: Verb
    run: str
    attempt: int | None = None
    args: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def words(self) -> str:
        """``checkpoint sort-digits``."""
        return f"{self.verb} {self.run}"


class ActingFeed(Feed):
    """A feed that can also ask for things: it writes intents and reports what becomes of them."""

    def __init__(
        self,
        locations: Locations,
        *,
        on_news: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(locations, on_news=on_news, clock=clock)
        self.unwritten: list[str] = []
        """What could not be written down when there was no screen any more to say so."""
        self._wishes: deque[Wish] = deque()
        self._asked: dict[str, tuple[Wish, float, OutcomeState | None]] = {}

    def ask(self, wish: Wish) -> None:
        """Write it down as an intent; reports follow in `take`."""
        self._wishes.append(wish)
        self._wake.set()

    def report(self, state: str, text: str) -> None:
        """Say something on the status line, from any thread."""
        self._tell(report=Report(state, text, self._clock()))

    def _round(self) -> None:
        self._submit()
        super()._round()

    def _finish(self) -> None:
        """What was decided just before the end is asked for all the same."""
        self._submit()

    def _submit(self) -> None:
        if not self._wishes:
            return
        from tui_app.requests import submit

        while self._wishes:
            wish = self._wishes.popleft()
            try:
                intent = submit(self.locations, wish.verb, wish.run, attempt=wish.attempt, args=wish.args)
            except (JournalError, UnsafeStateError, sqlite3.Error, OSError, msgspec.MsgspecError) as error:
                self.report("failed", f"{wish.words}: {error}")
                if self._stop.is_set():
                    self.unwritten.append(f"{wish.words}: {error}")
                continue
            self._asked[intent.id] = (wish, intent.expires_at, None)
            self.report("sent", f"{wish.words}: written down, the watcher has not answered yet")

    def _extras(self, reader: JournalReader) -> None:
        for intent_id, (wish, expires_at, known) in list(self._asked.items()):
            outcome = reader.outcome(intent_id)
            if outcome is None:
                if self._clock() > expires_at:
                    del self._asked[intent_id]
                    self.report("expired", f"{wish.words}: no watcher answered in time; nothing was done")
                continue
            if outcome.state is not known:
                self.report(str(outcome.state), f"{wish.words}: {outcome.detail}")
                self._asked[intent_id] = (wish, expires_at, outcome.state)
            if outcome.state.is_final:
                del self._asked[intent_id]
