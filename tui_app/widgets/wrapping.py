"""Text that keeps its own blanks, folded at a width: what `render.spans.wrap` is not for.

folded("  indented   text", 10)    # ['  indented', '   text']
"""

from __future__ import annotations

from rich.cells import chop_cells


def folded(text: str, cells: int) -> list[str]:
    """``text`` in pieces of at most ``cells`` cells; nothing is left out, blanks stay."""
    return list(chop_cells(text, max(1, cells))) or [""]
