"""The dashboard's colours, as Textual themes. Quiet on purpose: only what needs an eye is bright.

A state is always a word as well, so a theme may differ in everything. ``middlewatch-safe`` keeps red
and green apart for those who cannot tell them (blue and orange of Okabe and Ito's palette);
``middlewatch-16`` asks for the terminal's own sixteen colours and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

MIDDLEWATCH = Theme(
    name="middlewatch",
    primary="#7fb2e5",
    secondary="#7fc8b4",
    accent="#e6b673",
    success="#8fc97f",
    warning="#e8b04f",
    error="#ef7d75",
    foreground="#c9d1d9",
    background="#0e1319",
    surface="#151b23",
    panel="#1a222c",
    dark=True,
    variables={
        "text-strong": "#eef2f6",
        "spark": "#55897c",
        "quiet": "#8592a0",
        "line": "#3a4653",
        "line-strong": "#5d6b7a",
        "line-faint": "#27313c",
        "row": "#22303d",
        "target-local": "#8fc97f",
        "target-modal": "#d79be8",
        "scrollbar": "#27313c",
        "scrollbar-background": "#0e1319",
    },
)


def safe() -> Theme:
    """Without a difference that only red and green make."""
    return Theme(
        name="middlewatch-safe",
        primary="#56b4e9",
        secondary="#56b4e9",
        accent="#f0e442",
        success="#56b4e9",
        warning="#e69f00",
        error="#f58646",
        foreground="#d6dbe0",
        background="#0e1319",
        surface="#151b23",
        panel="#1a222c",
        dark=True,
        variables={
            **MIDDLEWATCH.variables,
            "spark": "#3f83a8",
            "target-local": "#56b4e9",
            "target-modal": "#cc79a7",
        },
    )


def sixteen() -> Theme:
    """The terminal's own colours: whatever it makes of them, text stays readable."""
    return Theme(
        name="middlewatch-16",
        primary="ansi_bright_blue",
        secondary="ansi_bright_cyan",
        accent="ansi_bright_yellow",
        success="ansi_bright_green",
        warning="ansi_yellow",
        error="ansi_bright_red",
        foreground="ansi_white",
        background="ansi_black",
        surface="ansi_black",
        panel="ansi_black",
        dark=True,
        variables={
            **MIDDLEWATCH.variables,
            "text-strong": "ansi_bright_white",
            "spark": "ansi_cyan",
            "quiet": "ansi_white",
            "line": "ansi_bright_black",
            "line-strong": "ansi_white",
            "line-faint": "ansi_bright_black",
            "row": "ansi_blue",
            "target-local": "ansi_green",
            "target-modal": "ansi_magenta",
            "scrollbar": "ansi_bright_black",
            "scrollbar-background": "ansi_black",
        },
    )


THEMES = {"dark": lambda: MIDDLEWATCH, "safe": safe, "16": sixteen}


def chosen(environment: Mapping[str, str]) -> Theme:
    """The theme that MIDDLEWATCH_THEME asks for, else what the terminal can show."""
    asked = environment.get("MIDDLEWATCH_THEME", "")
    if asked in THEMES:
        return THEMES[asked]()
    few = environment.get("TEXTUAL_COLOR_SYSTEM", "") == "standard" or environment.get("TERM", "") in (
        "linux",
        "screen",
        "xterm-16color",
    )
    truecolor = environment.get("COLORTERM", "") in ("truecolor", "24bit")
    return sixteen() if few and not truecolor else MIDDLEWATCH
