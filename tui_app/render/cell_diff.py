"""What stands on the terminal, cell by cell, and the shortest text that turns it into what should.

    front = FrontBuffer(120, 40)
    front.paint([(row, column, segments), ...])     # only what differs: moves, colours, characters
    front.forget()                                  # someone else has written there: send everything again

Segments are (text, style) pairs as Rich makes them. A piece with characters that are not one cell wide, or
with a link, is sent whole and not remembered, so it is as right as it would be without us. The colour of a
blank's letters is not a difference. Nothing here knows who draws, or writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

Segments = Sequence[tuple[str, Style | None]]
Piece = tuple[int, int, Segments]
"""Row, column, and what stands there from that column on."""

RESET = "\x1b[0m"
SHORT_GAP_BYTES = 4
"""Up to that many unchanged bytes are sent again, because a move over them is no shorter."""
MAX_LOOKS = 4096
_ATTRIBUTES = ("bold", "dim", "italic", "underline", "blink", "blink2", "reverse", "conceal", "strike")
_ON = dict(zip(_ATTRIBUTES, (1, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)) | {"underline2": 21, "overline": 53}
_SEEN_ON_BLANKS = frozenset({4, 7, 9, 21, 53})
_ONE_CELL_EACH = re.compile("[ -~─-▟⠀-⣿·…]*")


class Look:
    """How a cell's character is drawn; one object for equal looks, so that ``is`` compares them.

    ``blank`` is how a blank in this look is: without a colour (an empty string), because none is seen.
    """

    __slots__ = ("attributes", "background", "blank", "colour")

    def __init__(self, attributes: frozenset[int], colour: str, background: str) -> None:
        self.attributes, self.colour, self.background = attributes, colour, background
        self.blank = self


class Looks:
    """Every look in use and the sequences between them, for one set of colours."""

    def __init__(self, colours: ColorSystem) -> None:
        self._colours = colours
        self._by_style: dict[Style, Look] = {}
        self._by_parts: dict[tuple[frozenset[int], str, str], Look] = {}
        self._moves: dict[tuple[Look, Look], tuple[str, Look]] = {}
        self.plain = self._look(frozenset(), "39", "49")

    def of(self, style: Style | None) -> Look:
        """The look of a style."""
        if style is None:
            return self.plain
        look = self._by_style.get(style)
        if look is None:
            look = self._by_style[style] = self._made(style)
        return look

    @property
    def full(self) -> bool:
        """Whether so many looks have gathered that it is better to begin anew."""
        return len(self._by_style) > MAX_LOOKS

    def between(self, old: Look, new: Look) -> tuple[str, Look]:
        """The sequence that changes the terminal from one look to the other, and the look that it then has:
        the new one, or for a blank any that looks the same."""
        found = self._moves.get((old, new))
        if found is None:
            found = self._moves[old, new] = self._change(old, new)
        return found

    def _change(self, old: Look, new: Look) -> tuple[str, Look]:
        if not new.colour:
            kept = self.plain if old.attributes & _SEEN_ON_BLANKS else old
            new = self._look(kept.attributes, kept.colour, new.background)
        return _sequence(old, new), new

    def _made(self, style: Style) -> Look:
        attributes = frozenset(code for name, code in _ON.items() if getattr(style, name))
        colour, background = style.color, style.bgcolor
        return self._look(
            attributes,
            ";".join(colour.downgrade(self._colours).get_ansi_codes()) if colour else "39",
            ";".join(background.downgrade(self._colours).get_ansi_codes(False)) if background else "49",
        )

    def _look(self, attributes: frozenset[int], colour: str, background: str) -> Look:
        parts = (attributes, colour, background)
        look = self._by_parts.get(parts)
        if look is None:
            look = self._by_parts[parts] = Look(*parts)
            if colour and not attributes & _SEEN_ON_BLANKS:
                look.blank = self._look(frozenset(), "", background)
        return look


def _sequence(old: Look, new: Look) -> str:
    gone = old.attributes - new.attributes
    codes: list[str] = []
    if gone - {1, 2}:
        old, codes = Look(frozenset(), "39", "49"), ["0"]
    elif gone:
        old, codes = Look(frozenset(), old.colour, old.background), ["22"]
    codes += [str(code) for code in sorted(new.attributes - old.attributes)]
    codes += [new.colour] if new.colour != old.colour else []
    codes += [new.background] if new.background != old.background else []
    return f"\x1b[{';'.join(codes)}m" if codes else ""


@lru_cache(maxsize=4096)
def one_cell_each(text: str) -> bool:
    """Whether every character takes exactly one cell."""
    if _ONE_CELL_EACH.fullmatch(text):
        return True
    return text.isprintable() and all(cell_len(char) == 1 for char in text)


class FrontBuffer:
    """The terminal's ``columns`` × ``rows`` cells as they were sent; unknown at first."""

    def __init__(self, columns: int, rows: int, colours: ColorSystem = ColorSystem.TRUECOLOR) -> None:
        self.columns, self.rows, self.colours = columns, rows, colours
        self.forget()

    def forget(self) -> None:
        """Know nothing of what is on the terminal."""
        self._looks = Looks(self.colours)
        self._chars: list[list[str | None]] = [[None] * self.columns for _ in range(self.rows)]
        self._styles: list[list[Look]] = [[self._looks.plain] * self.columns for _ in range(self.rows)]

    def paint(self, pieces: Iterable[Piece]) -> str:
        """What to send so that the pieces stand on the terminal; empty where they already do."""
        if self._looks.full:
            self.forget()
        pen = Pen(self._looks, self.columns)
        for y, x, segments in pieces:
            if 0 <= y < self.rows and 0 <= x < self.columns:
                self._piece(pen, y, x, segments)
        return pen.done()

    def _piece(self, pen: Pen, y: int, x: int, segments: Segments) -> None:
        chars: list[str] = []
        looks: list[Look] = []
        of = self._looks.of
        for text, style in segments:
            if not one_cell_each(text) or (style is not None and style.link):
                self._whole(pen, y, x, segments)
                return
            look = of(style)
            chars += text
            if " " in text and look.blank is not look:
                blank = look.blank
                looks += [blank if char == " " else look for char in text]
            else:
                looks += [look] * len(text)
        end = min(self.columns, x + len(chars))
        del chars[end - x :], looks[end - x :]
        old_chars, old_looks = self._chars[y], self._styles[y]
        if old_chars[x:end] == chars and old_looks[x:end] == looks:
            return
        pairs = zip(old_chars[x:end], chars, old_looks[x:end], looks, strict=True)
        changed = [at for at, (was, char, had, look) in enumerate(pairs) if was != char or had is not look]
        pen.cells(y, x, changed, chars, looks)
        old_chars[x:end], old_looks[x:end] = chars, looks

    def _whole(self, pen: Pen, y: int, x: int, segments: Segments) -> None:
        """Send it as it is, and do not trust what the terminal made of it."""
        pen.text(y, x, [(text, self._looks.of(style), style) for text, style in segments])
        start, end = max(0, x - 1), min(self.columns, x + sum(cell_len(text) for text, _ in segments) + 1)
        self._chars[y][start:end] = [None] * (end - start)
        if x == 0 and y > 0:
            self._chars[y - 1][-1] = None  # where a combining character at the edge may have gone


class Pen:
    """Where the terminal's cursor is and what it writes with, for one frame."""

    def __init__(self, looks: Looks, columns: int) -> None:
        self._looks, self._columns = looks, columns
        self._out: list[str] = []
        self._look = looks.plain
        self._at = (-1, -1)

    def done(self) -> str:
        """The frame; it leaves the terminal with plain colours."""
        if self._look is not self._looks.plain:
            self._out.append(RESET)
        return "".join(self._out)

    def cells(self, y: int, x: int, changed: list[int], chars: list[str], looks: list[Look]) -> None:
        """Write the ``changed`` of the cells that begin at column ``x``."""
        out, between = self._out, self._looks.between
        look = self._look
        next_to_write = -1
        for at in changed:
            if at != next_to_write:
                gap = chars[next_to_write:at] if 0 <= next_to_write < at else None
                if gap is not None and self._repeatable(gap, looks[next_to_write:at], look):
                    out += gap
                else:
                    out.append(
                        self._move(y, x + at, next_to_write if next_to_write < 0 else x + next_to_write)
                    )
            wanted = looks[at]
            if wanted is not look:
                sequence, look = between(look, wanted)
                out.append(sequence)
            out.append(chars[at])
            next_to_write = at + 1
        self._look = look
        self._at = (y, x + next_to_write) if x + next_to_write < self._columns else (-1, -1)

    def text(self, y: int, x: int, parts: Iterable[tuple[str, Look, Style | None]]) -> None:
        """Write text of any width, links and all."""
        self._out.append(self._move(y, x, -1))
        for text, wanted, style in parts:
            sequence, self._look = self._looks.between(self._look, wanted)
            self._out.append(sequence)
            link = style.link if style is not None else None
            self._out.append(f"\x1b]8;;{link}\x1b\\{text}\x1b]8;;\x1b\\" if link else text)
        self._at = (-1, -1)

    def _repeatable(self, gap: list[str], looks: list[Look], look: Look) -> bool:
        if len(gap) > SHORT_GAP_BYTES:
            return False
        if any(each is not look and self._looks.between(look, each)[0] for each in looks):
            return False
        return sum(1 if char < "\x80" else 3 for char in gap) <= SHORT_GAP_BYTES

    def _move(self, y: int, x: int, from_x: int) -> str:
        """To a cell: relative along a row, absolute otherwise; ``from_x`` < 0 where the pen was elsewhere."""
        here = (y, from_x) if from_x >= 0 else self._at
        if here == (y, x):
            return ""
        if here[0] == y and 0 <= here[1] < x:
            distance = x - here[1]
            return f"\x1b[{distance}C" if distance > 1 else "\x1b[C"
        return f"\x1b[{y + 1};{x + 1}H"
