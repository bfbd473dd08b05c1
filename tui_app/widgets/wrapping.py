"""Text that keeps its own blanks, folded at a width: what `render.spans.wrap` is not for.

folded("  indented   text", 10)    # ['  indented', '   text']
"""

from __future__ import annotations

from rich.cells import chop_cells


def folded(text: str, cells: int) -> list[str]:
    """``text`` in pieces of at most ``cells`` cells; nothing is left out, blanks stay."""
    return list(chop_cells(text, max(1, cells))) or [""]


def folded_at_blanks(text: str, cells: int) -> list[str]:
    """The same, each piece ending behind a blank where it can; that blank alone may hang over. At least two
    cells, so that every character has room."""
    plainly, cells = text.isascii(), max(2, cells)
    pieces: list[str] = []
    while len(text) > cells or not plainly:
        piece = text[:cells] if plainly else folded(text[:cells], cells)[0]
        if len(piece) == len(text):
            break
        behind = len(piece) + 1 if text[len(piece)] == " " else piece.rfind(" ") + 1
        pieces.append(text[: behind or len(piece)])
        text = text[len(pieces[-1]) :]
    return [*pieces, text] if text or not pieces else pieces
