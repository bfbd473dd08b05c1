"""What colour a role is: looked up once a theme, not styled by CSS for every widget.

    style("good-strong", variables)      # bold, in the theme's success colour
    style("text+cursor", variables)      # roles add up

Component classes would say the same in .tcss, but Textual resolves each of them for each widget
while it starts, which took longer than everything else the dashboard does.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color, ColorParseError

COLOURS = {
    "text": "foreground",
    "strong": "text-strong",
    "quiet": "quiet",
    "rule": "line",
    "grid": "line-faint",
    "label": "quiet",
    "key": "accent",
    "off": "line-strong",
    "good": "success",
    "warn": "warning",
    "bad": "error",
    "info": "primary",
    "accent": "accent",
    "curve": "secondary",
    "raw": "line-strong",
    "spark": "spark",
    "mark": "warning",
    "redone": "warning",
    "cursor": "",
    "target-local": "background",
    "target-modal": "background",
}
"""The theme's variable for each role; ``-strong`` after a role makes it bold."""
BACKGROUNDS = {"cursor": "row", "target-local": "target-local", "target-modal": "target-modal"}
BOLD = frozenset({"strong", "key", "target-local", "target-modal"})


def style(role: str, variables: Mapping[str, str]) -> Style:
    """The style of a role, or of several joined by ``+``."""
    return Style.combine([_one(part, variables) for part in role.split("+")])


def _one(role: str, variables: Mapping[str, str]) -> Style:
    plain_role = role.removesuffix("-strong")
    return Style(
        color=_colour(COLOURS[plain_role], variables),
        bgcolor=_colour(BACKGROUNDS.get(plain_role, ""), variables),
        bold=True if role != plain_role or plain_role in BOLD else None,
    )


def _colour(variable: str, variables: Mapping[str, str]) -> str | None:
    """The variable's colour in a form that Rich knows, None to leave it as it is."""
    try:
        return Color.parse(variables[variable]).rich_color.name if variable else None
    except (KeyError, ColorParseError):
        return None
