"""The line above the keys: what became of what was asked last, else how well we are informed."""

from __future__ import annotations

import msgspec

from tui_app.render.formats import ago
from tui_app.render.spans import Line, wrap
from tui_app.text_safety import plain
from tui_app.widgets.lines import FlowWidget
from tui_app.widgets.sight import Link
from tui_app.widgets.wrapping import folded

KEEP_SECONDS = 20.0
FAILURE_KEEP_SECONDS = 60.0
PASSING = ("done", "refused", "cancelled")
"""Nobody has to come back to these."""


class Report(msgspec.Struct, frozen=True):
    """What became of an intent: ``state`` is a word (sent, done, refused, …), ``at`` unix seconds."""

    state: str
    text: str
    at: float

    @property
    def role(self) -> str:
        """Its colour; the word says the same."""
        return {"done": "good-strong", "sent": "info-strong"}.get(self.state, "warn-strong")

    def current(self, now: float) -> bool:
        """Whether it is still worth the line."""
        return now - self.at < (KEEP_SECONDS if self.state in PASSING else FAILURE_KEEP_SECONDS)


class StatusLine(FlowWidget):
    """One line, or more where a sentence needs them."""

    MAX_LINES = 3

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._report: Report | None = None
        self._link: Link | None = None
        self._now = 0.0

    def show(self, report: Report | None, link: Link | None, now: float) -> None:
        """Show the newest report while it is current, else the link."""
        self._report, self._link, self._now = report, link, now
        self.redraw()

    def text_lines(self, width: int) -> list[Line]:
        """The report and its age, unless that would take a row of its own; else the link."""
        report, link = self._report, self._link
        if report is not None and report.current(self._now):
            cut = link.detail if report.state == "sent" and link is not None and not link.reachable else ""
            why = f"; {plain(cut, 200)}" if cut else ""
            head, text = (f" {report.state.upper()} ", report.role), f"{plain(report.text, 400)}{why}"
            bare = _filled([head, (text, "text")], width)
            aged = _filled([head, (f"{text} · {ago(report.at, self._now)} ago", "text")], width)
            return aged if len(aged) == len(bare) else bare
        if link is None:
            return [[]]
        (word, role), *about = watching(link, self._now)
        if not about:
            return [[(f" {word}", role)]]
        return _filled([(f" {word.strip()} ", role), ("".join(text for text, _ in about), "text")], width)


def _filled(line: Line, width: int) -> list[Line]:
    """A word and the sentence after it, which goes on below itself where the width ends."""
    (word, role), (sentence, _) = line
    room = width - len(word) - 1
    fits = max(map(len, sentence.split()), default=0) <= room
    first, *rest = (wrap(sentence, room) if fits else folded(sentence, room)) or [""]
    return [[(word, role), (first, "text")], *([(" " * len(word) + more, "text")] for more in rest)]


def watching(link: Link, now: float) -> Line:
    """How well we are informed: the watcher's beat and its link, or what is wrong with either."""
    if link.trouble:
        return [("WATCHER ", "warn-strong"), (plain(link.trouble, 300), "text")]
    if link.beat_at is None:
        return [("WATCHER none yet", "warn-strong"), (" · nothing is being recorded", "text")]
    beat = ago(link.beat_at, now)
    if not link.watching(now):
        return [("WATCHER SILENT", "warn-strong"), (f" · last beat {beat} ago; runs go on unseen", "text")]
    if not link.reachable:
        since = "" if link.reachable_since is None else f" for {ago(link.reachable_since, now)}"
        why = plain(link.detail, 200) or "runs go on unseen"
        return [(f"{link.target.upper()} UNREACHABLE{since}", "bad-strong"), (f" · {why}", "text")]
    up = "" if link.started_at is None else f"up {ago(link.started_at, now)} · "
    beat = "under 5 s" if now - link.beat_at < 5 else beat
    return [(f"watcher {up}beat {beat} ago · {link.target} reachable", "quiet")]
