"""Every evaluation of a run: the trainer's own, and those that were asked for, as their news arrive. Pure.

book = EvaluationBook()
book.add(record)              # oldest first
book.entries, book.running    # in the order in which they began; the one that is under way
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tui_app.widgets.records import Evaluation, EvaluationNews

KEPT = 4000


class Asked(msgspec.Struct, kw_only=True):
    """One that was asked for, as far as it has come. ``done`` and ``failed`` count slices, ``scored``
    prompts; ``outcome`` is empty while it runs."""

    id: str
    t: float
    step: int
    prompts: int
    slices: int
    gpu: str = ""
    by: str = ""
    done: int = 0
    failed: int = 0
    scored: int = 0
    outcome: str = ""
    metrics: Mapping[str, float] = {}
    failures: list[EvaluationNews] = []

    @property
    def running(self) -> bool:
        """Whether slices are still to be heard of."""
        return not self.outcome


class EvaluationBook:
    """Args: kept: how many are; the oldest are forgotten."""

    def __init__(self, kept: int = KEPT) -> None:
        self.entries: list[Evaluation | Asked] = []
        self._asked: dict[str, Asked] = {}
        self._kept = kept

    @property
    def running(self) -> Asked | None:
        """The newest one that is under way."""
        return next((asked for asked in reversed(self._asked.values()) if asked.running), None)

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self._asked.clear()

    def add(self, record: Evaluation | EvaluationNews) -> None:
        """Take in what came next."""
        if isinstance(record, Evaluation):
            self.entries.append(record)
        elif record.kind == "started":
            self._begin(record)
        elif (asked := self._asked.get(record.id)) is not None:
            _go_on(asked, record)
        for old in self.entries[: -self._kept]:
            self._asked.pop(old.id if isinstance(old, Asked) else "", None)
        del self.entries[: -self._kept]

    def _begin(self, news: EvaluationNews) -> None:
        asked = Asked(
            id=news.id,
            t=news.t,
            step=news.step,
            prompts=news.prompts,
            slices=news.slices,
            gpu=news.gpu,
            by=news.by,
        )
        self._asked[news.id] = asked
        self.entries.append(asked)


def _go_on(asked: Asked, news: EvaluationNews) -> None:
    if news.kind == "slice_failed":
        asked.failures.append(news)
        return
    asked.done, asked.failed, asked.scored = news.done, news.failed, news.scored
    if news.kind == "ended":
        asked.outcome, asked.metrics = news.outcome or "failed", news.metrics
