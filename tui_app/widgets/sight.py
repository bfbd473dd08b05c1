"""What a widget is shown: a run's view together with how we come to know it.

    sight = Sight(view, sign_at=..., link=Link(target="local", ...), now=time.time())
    sight.freshness              # LIVE, LATE, SILENT, UNREACHABLE; None once the run has ended

Everything about ages is a function of ``now``; nothing here reads a clock.
"""

from __future__ import annotations

import msgspec

from remote.vocabulary.run_states import Freshness, freshness
from tui_app.render.formats import NOT_REPORTED, ago
from tui_app.state.cost import Prices
from tui_app.state.levels import Level
from tui_app.state.view import RunView

WATCHER_GONE_AFTER_SECONDS = 10.0
"""The watcher beats every two seconds; after five missed beats we are blind."""


class Link(msgspec.Struct, frozen=True):
    """Our own way to the news: the watcher and its link to the target. Times are unix seconds.

    ``beat_at`` is None where no watcher has ever reported; ``trouble`` and ``detail`` are sentences or
    empty: what is wrong with the watcher, and why it cannot reach the target and what to do.
    """

    target: str
    workspace: str = ""
    beat_at: float | None = None
    started_at: float | None = None
    reachable: bool = True
    reachable_since: float | None = None
    trouble: str = ""
    detail: str = ""

    def watching(self, now: float) -> bool:
        """Whether a watcher records at this moment."""
        return self.beat_at is not None and now - self.beat_at < WATCHER_GONE_AFTER_SECONDS

    def open(self, now: float) -> bool:
        """Whether news can reach us at all."""
        return self.reachable and self.watching(now)


def nothing_yet(sight: Sight | None, words: str) -> str:
    """``words`` where nothing of a kind has come yet; of a foreign run nobody knows whether it ever will."""
    return words if sight is None or sight.view.level is Level.OWN else NOT_REPORTED


class Sight(msgspec.Struct, frozen=True):
    """One run as it can be seen at ``now``."""

    view: RunView
    link: Link
    now: float
    sign_at: float | None = None
    prices: Prices = Prices()

    @property
    def freshness(self) -> Freshness | None:
        """How old our knowledge of a run that goes on is; None for one that has ended."""
        if self.view.state.is_terminal:
            return None
        spoken = self.sign_at is not None
        return freshness(self.sign_age or 0.0, reachable=self.link.open(self.now), spoken=spoken)

    @property
    def sign_age(self) -> float | None:
        """Seconds since the last sign of life arrived; a run that never gave one counts from its spawn."""
        return self.since(self.heard_at)

    @property
    def heard_at(self) -> float | None:
        """When the last sign of life arrived, or the run was spawned if it gave none."""
        return self.sign_at if self.sign_at is not None else self.view.spawned_at

    def since(self, t: float | None) -> float | None:
        """Seconds since ``t``, never negative; None stays None."""
        return None if t is None else max(0.0, self.now - t)

    def ago(self, t: float | None) -> str:
        """How long ago ``t`` was, in words as coarse as a screen needs; nothing for None."""
        return "" if t is None else ago(t, self.now)
