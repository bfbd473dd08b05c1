"""What the containers printed, a line each, with what was searched for marked. Pure."""

from __future__ import annotations

from datetime import datetime

from tui_app.render.spans import Line
from tui_app.widgets.records import Printed

FD_WORDS = {"stdout": "out", "stderr": "err", "system": "sys"}
HEAD_CELLS = 14
REPEAT = "(possible repeat) "
FD_ROLES = {"stderr": "warn", "system": "info"}


def printed_head(printed: Printed) -> Line:
    """Clock and stream, `HEAD_CELLS` wide."""
    clock = datetime.fromtimestamp(printed.t).strftime("%H:%M:%S")
    stream = FD_WORDS.get(printed.fd, printed.fd)[:3]
    return [(f" {clock} ", "quiet"), (f"{stream:<4}", FD_ROLES.get(printed.fd, "quiet"))]


def printed_body(printed: Printed, sought: str = "") -> Line:
    """The text; ``sought`` is marked wherever it stands, whatever its case."""
    return [*([(REPEAT, "quiet")] if printed.repeat else []), *marked(printed.text, sought)]


def printed_text(printed: Printed) -> str:
    """What `printed_body` says, without its roles."""
    return (REPEAT if printed.repeat else "") + printed.text


def marked(text: str, sought: str) -> Line:
    """The text, what was sought in another role."""
    if not sought:
        return [(text, "text")]
    line: Line = []
    low, start = text.lower(), 0
    while (at := low.find(sought.lower(), start)) >= 0 and len(low) == len(text):
        line += [(text[start:at], "text"), (text[at : at + len(sought)], "key+cursor")]
        start = at + len(sought)
    return [*line, (text[start:], "text")]


def matches(printed: Printed, sought: str) -> bool:
    """Whether a line has it."""
    return sought.lower() in printed.text.lower()
