"""What one operator hands to the next: a run's state and its last events, as Markdown.

    text = markdown(sight, alerts, lines, command="middlewatch")
    path = keep(text, folder, "sort-digits", ".md", now)     # private to the user

The state is that of `tui_app.triage`. Everything has passed the gate, so the text may go to a
clipboard. `keep` writes a small file; it is called off the loop.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tui_app.render.formats import age
from tui_app.state.alert_book import Alert
from tui_app.text_safety import plain, shown
from tui_app.triage import code, triage
from tui_app.widgets.event_list import EventLine
from tui_app.widgets.sight import Sight

EVENTS = 50


def markdown(sight: Sight, alerts: Sequence[Alert], lines: Sequence[EventLine], command: str) -> str:
    """State, then at most `EVENTS` of these lines, oldest first."""
    fresh, heard = sight.freshness, sight.sign_age
    words = "ended" if fresh is None else str(fresh)
    words += "" if heard is None else f", heard of {age(heard)} ago"
    own = [alert for alert in alerts if alert.run == sight.view.run]
    text = triage(sight.view, own, heard=words, now=sight.now, command=command)
    if lines:
        text += ["", f"Last {min(EVENTS, len(lines))} events:", ""]
    for line in lines[-EVENTS:]:
        when = datetime.fromtimestamp(line.t).strftime("%m-%d %H:%M:%S")
        text.append(f"- {when} attempt {line.attempt} {code(f'{line.mark:<2} {line.text}')}")
    return "\n".join(shown(part) for part in text) + "\n"


def keep(text: str, folder: Path, run: str, suffix: str, now: float) -> Path:
    """Write it beside the journal and say where. OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = datetime.fromtimestamp(now).strftime("%Y%m%d-%H%M%S")
    path = folder / f"{plain(run, 48) or 'home'}-{stamp}{suffix}"
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    return path


def shortened(path: Path) -> str:
    """The path as a shell understands it, the home directory as ``~``."""
    with contextlib.suppress(ValueError, RuntimeError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)
