"""A line of the screen before it has colours: a list of (text, role) spans.

    line = [("RUNNING", "good"), (" · step 41", "text")]
    fit(line, 20)                     # exactly 20 cells: padded, or cut with an ellipsis
    flow([[a], [b], [c]], 80)         # groups joined by " | ", wrapped where they must

Widths are terminal cells, not characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

Span = tuple[str, str]
Line = list[Span]

SEPARATOR: Span = (" │ ", "rule")


def width(line: Iterable[Span]) -> int:
    """Cells that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def cut(text: str, cells: int) -> str:
    """At most ``cells`` cells of ``text``, the last being an ellipsis where something is missing."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(0, cells - 1)).rstrip() + "…" if cells > 0 else ""


def cut_middle(text: str, cells: int, tail: int = 3) -> str:
    """As `cut`, keeping the end, which is what tells numbered names apart."""
    if cell_len(text) <= cells or cells < tail + 3:
        return cut(text, cells)
    return set_cell_size(text, cells - tail - 1) + "…" + text[-tail:]


def crop(line: Iterable[Span], cells: int) -> Line:
    """The line in at most ``cells`` cells, with an ellipsis where it was cut."""
    kept: Line = []
    room = cells
    for text, role in line:
        length = cell_len(text)
        if length > room:
            kept.append((cut(text, room), role))
            return kept
        kept.append((text, role))
        room -= length
    return kept


def fit(line: Iterable[Span], cells: int) -> Line:
    """The line in exactly ``cells`` cells."""
    kept = crop(line, cells)
    missing = cells - width(kept)
    return [*kept, (" " * missing, "text")] if missing else kept


def spread(left: Line, right: Line, cells: int) -> Line:
    """``left`` at the left edge and ``right`` at the right one; ``left`` is cut first."""
    room = max(0, cells - width(right) - 1)
    return fit([*fit(left, room), (" ", "text"), *right], cells)


def rule(title: Line, right: Line, cells: int) -> Line:
    """A heading: ``── title ───────── right ──``."""
    body = [("── ", "rule"), *title, (" ", "rule")]
    end: Line = [(" ", "rule"), *right, (" ─", "rule")] if right else []
    room = cells - width(end)
    body = crop(body, room)
    return [*body, ("─" * max(0, room - width(body)), "rule"), *end]


def flow(groups: Sequence[Line], cells: int, separator: Span = SEPARATOR) -> list[Line]:
    """The groups in order, joined by ``separator``, a new line where the next would not fit.

    A group wider than a line is cut; no group is ever split over two lines.
    """
    lines: list[Line] = []
    room = 0
    for group in groups:
        length, gap = width(group), cell_len(separator[0])
        if lines and length + gap <= room:
            lines[-1] += [separator, *group]
            room -= length + gap
        else:
            lines.append(crop(group, cells))
            room = cells - length
    return lines


def joined(groups: Iterable[Line], cells: int) -> Line:
    """The groups in one row of at most ``cells`` cells, cut at its end."""
    line: Line = []
    for group in groups:
        line += [SEPARATOR, *group] if line else group
    return crop(line, cells)


def wrap(text: str, cells: int) -> list[str]:
    """Words of ``text`` in lines of at most ``cells`` cells; a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= cells:
            lines[-1] += " " + word
        else:
            lines.append(cut(word, cells))
    return lines


def beside(left: Sequence[Line], right: Sequence[Line], cells: int, gap: int = 2) -> list[Line]:
    """Two blocks next to each other, the left one ``cells`` cells wide."""
    rows = max(len(left), len(right))
    return [
        [
            *fit(left[row] if row < len(left) else [], cells),
            (" " * gap, "text"),
            *(right[row] if row < len(right) else []),
        ]
        for row in range(rows)
    ]
