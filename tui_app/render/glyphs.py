"""Which characters a terminal can show, and the plain ones in their place.

ascii_only(os.environ, sys.stdout.encoding)    # True on TERM=linux or a non-UTF-8 locale
to_ascii("step 40 · 5·2⁰")                     # 'step 40 - 5*2^0'
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

SPARKS = "▁▂▃▄▅▆▇█"
ASCII_SPARKS = "_.-~=+*#"

_TIMES = re.compile(r"(?<=\d)·(?=\d)")
_TO_ASCII = str.maketrans(
    {
        "·": "-",
        "–": "-",
        "—": "-",
        "−": "-",
        "…": "~",
        "→": ">",
        "←": "<",
        "↑": "^",
        "↓": "v",
        "↺": "<",
        "›": ">",
        "‹": "<",
        "▸": ">",
        "▾": "v",
        "●": "*",
        "○": "o",
        "✓": "+",
        "✗": "x",
        "│": "|",
        "┃": "|",
        "┆": ":",
        "┊": ":",
        "─": "-",
        "╌": ".",
        "┈": " ",
        "━": "=",
        "═": "=",
        "┤": "|",
        "┼": "+",
        "┴": "+",
        "┬": "+",
        "├": "+",
        "└": "+",
        "┘": "+",
        "┌": "+",
        "┐": "+",
        "╰": "+",
        "╯": "+",
        "╭": "+",
        "╮": "+",
        "╴": "-",
        "╶": "-",
        "▏": "|",
        "█": "#",
        "░": ".",
        "⏎": "enter",
        "⁰": "^0",
        "¹": "^1",
        "²": "^2",
        "³": "^3",
        "⁴": "^4",
        "⁵": "^5",
        "⁶": "^6",
        "⁷": "^7",
        "⁸": "^8",
        "⁹": "^9",
        **dict(zip(SPARKS[:-1], ASCII_SPARKS, strict=False)),
    }
)


def ascii_only(environment: Mapping[str, str], encoding: str | None) -> bool:
    """Whether to draw with ASCII alone: asked for, a Linux console, or an output that is not UTF-8."""
    if environment.get("MIDDLEWATCH_ASCII", "") in ("1", "yes"):
        return True
    if environment.get("TERM", "") in ("linux", "dumb", "vt100", "vt220", ""):
        return True
    return "utf" not in (encoding or "").lower()


def to_ascii(text: str) -> str:
    """``text`` in ASCII: our own signs by their twins, anything else as ``?``."""
    if text.isascii():
        return text
    text = _TIMES.sub("*", text)
    return text.translate(_TO_ASCII).encode("ascii", "replace").decode("ascii")


def sparkline(values: Sequence[float | None], low: float, high: float, *, ascii_art: bool = False) -> str:
    """One cell a value between ``low`` and ``high``; None is a blank, a flat range and what is not a
    finite number sit at the bottom."""
    levels = ASCII_SPARKS if ascii_art else SPARKS
    top = len(levels) - 1
    reach = high - low
    return "".join(" " if v is None else levels[_level(v, low, reach, top)] for v in values)


def _level(value: float, low: float, reach: float, top: int) -> int:
    if reach <= 0:
        return 0
    level = (value - low) / reach * top
    return max(0, min(top, round(level))) if math.isfinite(level) else 0
