"""What the containers of a run printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType

from tui_app.lookup import Topic
from tui_app.render.formats import plural
from tui_app.render.spans import Line, width
from tui_app.screens.tab import SCROLLING, TabScreen
from tui_app.text_safety import plain
from tui_app.widgets.log_page import HEAD_CELLS, matches, printed_body, printed_head, printed_text
from tui_app.widgets.long_lines import Heights, Wrapped, cut_line, room_beside, wrapped_line
from tui_app.widgets.page import Drawn
from tui_app.widgets.records import Printed, Record
from tui_app.widgets.sight import Sight

KEPT = 20_000


class LogsScreen(TabScreen):
    """Follows the end until it is scrolled; `/` finds, n and N go from match to match. A line that is too
    long is cut, and can be seen from further right or wrapped."""

    tab_id = "logs"
    topic = Topic.LOGS
    moves = (
        ("/", "search"),
        ("n N", "next, previous match"),
        ("w", "wrap long lines, cut them"),
        ("← →", "sideways"),
        *SCROLLING,
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", show=False),
        Binding("n", "match(1)", "next match", show=False),
        Binding("N", "match(-1)", "previous match", show=False),
        Binding("w", "wrap", "wrap", show=False),
        Binding("left", "sideways(-1)", "to the left", show=False),
        Binding("right", "sideways(1)", "to the right", show=False),
    ]

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._lines: list[Printed] = []
        self._sought = ""
        self._found: int | None = None
        """The line that the last search went to."""
        self._start = 0
        """The first cell of every line that is shown, where they are cut."""
        self._heights = Heights(0)

    @property
    def wraps(self) -> bool:
        """Whether long lines are wrapped."""
        return self.board.layout_kept.wrap_logs

    def begin(self) -> None:
        """Forget every line."""
        self._lines.clear()
        self._heights = Heights(0)
        self._found = None

    def add(self, records: Sequence[Record]) -> None:
        """Keep the lines."""
        self._lines += [record for record in records if isinstance(record, Printed)]
        if (gone := len(self._lines) - KEPT) > 0:
            del self._lines[:gone]
            self._heights.drop(min(gone, self._heights.lines))
            self._found = None if self._found is None or self._found < gone else self._found - gone

    def write(self, sight: Sight | None, now: float) -> None:
        """The lines, those in sight drawn."""
        if not self._lines:
            nothing: list[Line] = [[("  the containers have printed nothing yet", "quiet")]]
            self.page.write([("logs", "strong")], nothing, right=[(self.twin, "quiet")])
            return
        title = [("logs ", "strong"), (plural(len(self._lines), "line"), "text")]
        if self._sought:
            found = sum(matches(line, self._sought) for line in self._lines)
            role = "accent" if found else "warn"
            title.append((f" · /{plain(self._sought, 30)}: {plural(found, 'line')}", role))
        if self.wraps or self._start:
            title.append((" · wrapped" if self.wraps else f" · from cell {self._start + 1}", "accent"))
        right = [] if self._sought else [(self.twin, "quiet")]
        self.page.write(title, self._rows(), right=right, follow=True)

    def _rows(self) -> Drawn[Printed] | Wrapped[Printed]:
        cells, sought = self.page.size.width, self._sought
        if not self.wraps:
            return Drawn(
                self._lines,
                lambda each: cut_line(printed_head(each), printed_body(each, sought), cells, self._start),
            )
        room = room_beside(HEAD_CELLS, cells)
        if self._heights.room != room:
            self._heights = Heights(room)
        self._heights.extend(printed_text(each) for each in self._lines[self._heights.lines :])
        return Wrapped(
            self._lines,
            self._heights,
            lambda each: wrapped_line(printed_head(each), printed_body(each, sought), cells),
        )

    def _row_of(self, line: int) -> int:
        return self._heights.row_of(line) if self.wraps else line

    def _line_at(self, row: int) -> int:
        return self._heights.line_at(row) if self.wraps else row

    def action_wrap(self) -> None:
        """Wrap what is too long, or cut it; the line at the top stays there."""
        page = self.page
        top, reading = self._line_at(page.top), bool(self._lines) and not page.following
        self.board.keep_layout(replace(self.board.layout_kept, wrap_logs=not self.wraps))
        self._start = 0
        self.board.tick()
        if reading:
            page.go_to(self._row_of(top))

    def action_sideways(self, direction: int) -> None:
        """Half a screen to the right, as far as a line in sight goes, or to the left."""
        if self.wraps:
            self.board.say("refused", "sideways: long lines are wrapped; w cuts them")
            return
        page = self.page
        room = room_beside(HEAD_CELLS, page.size.width)
        seen = self._lines[page.top : page.top + page.room]
        longest = max((width(printed_body(each)) for each in seen), default=0)
        furthest = max(0, longest - room + 1) if direction > 0 else self._start
        self._start = max(0, min(self._start + direction * (room // 2), max(furthest, self._start)))
        self.board.tick()

    async def action_search(self) -> None:
        """Ask what to look for; Enter goes to the newest match above."""
        from tui_app.widgets.prompt_bar import PromptBar

        def decided(text: str | None) -> None:
            if text is not None:
                self._sought, self._found = text, None
                self.board.tick()
                self.action_match(-1)

        await self.ask_line(PromptBar("search", self._sought, decided))

    def action_match(self, direction: int) -> None:
        """To the next line (1) or the one before (-1) that has what is sought."""
        if not self._sought:
            return
        start, count = self._sought_from(), len(self._lines)
        rows = range(start + 1, count) if direction > 0 else range(min(start, count) - 1, -1, -1)
        for line in rows:
            if matches(self._lines[line], self._sought):
                self._found = line
                self.page.go_to(self._row_of(line))
                return
        self.board.say(
            "refused", f"search: no {'later' if direction > 0 else 'earlier'} line has “{self._sought}”"
        )

    def _sought_from(self) -> int:
        """The line that was found last while it is in sight, else the one at the top; the end while that
        is followed."""
        page = self.page
        if self._found is not None and page.top <= self._row_of(self._found) < page.top + page.room:
            return self._found
        return len(self._lines) if page.following else self._line_at(page.top)
