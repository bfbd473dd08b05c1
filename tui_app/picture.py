"""A screen's picture (SVG) as it looks the same wherever it is opened."""

from __future__ import annotations

import html
import re

CHART_SIGNS = 0x2500
"""From this code point on signs may come from a font with other widths: boxes, blocks, braille."""
_TEXT = re.compile(
    r'<text (?P<head>[^>]*?)x="(?P<x>[0-9.]+)"(?P<mid>[^>]*?)textLength="(?P<length>[0-9.]+)"'
    r"(?P<tail>[^>]*)>(?P<body>[^<]*)</text>"
)


def for_every_renderer(svg: str) -> str:
    """The same picture where a renderer collapses blanks, or takes the signs of charts from a font with
    other widths and ignores textLength: blanks are kept, each such sign gets a place of its own."""
    return _TEXT.sub(_placed, svg)


def _placed(match: re.Match[str]) -> str:
    chars = html.unescape(match["body"])
    if not any(ord(char) >= CHART_SIGNS for char in chars):
        return match.group().replace("<text ", '<text xml:space="preserve" ', 1)
    step = float(match["length"]) / len(chars)
    return "".join(
        f'<text {match["head"]}x="{float(match["x"]) + index * step:.1f}"{match["mid"]}'
        f'textLength="{step:.1f}"{match["tail"]}>{html.escape(char)}</text>'
        for index, char in enumerate(chars)
        if not char.isspace()
    )
