"""The dashboard's colours, as one Textual theme. Quiet on purpose: only what needs an eye is bright."""

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
