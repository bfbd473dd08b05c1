"""When Middlewatch itself breaks: what happened goes into a private file, two lines to the terminal.

    path = write(error, locations.state)
    for line in words(error, path): print(line, file=sys.stderr)

The report holds the traceback without local variables, without credentials and without control
characters: a crash on a shared host must not leave a token in somebody's scrollback.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from pathlib import Path

from tui_app import __version__
from tui_app.text_safety import plain_lines, redact, shown

MAX_REPORTS = 20


def write(error: BaseException, directory: Path, *, now: float | None = None) -> Path | None:
    """Write a report below ``directory`` and give its path; None if it cannot be written."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    path = directory / "crashes" / f"{moment}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(report(error))
        for old in sorted(path.parent.glob("*.txt"))[:-MAX_REPORTS]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return path


def report(error: BaseException) -> str:
    """The report's text."""
    head = f"middlewatch {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    told = "".join(traceback.format_exception(error))
    body = "\n".join(plain_lines(redact(told)))
    return f"{head}{shown(' '.join(sys.argv))}\n\n{body}\n"


def words(error: BaseException, path: Path | None) -> list[str]:
    """Two lines for the terminal."""
    what = f"middlewatch broke: {type(error).__name__}: {shown(error, 200)}"
    where = f"the report is in {path}" if path is not None else "no report could be written"
    return [what, f"{where}; runs are not affected"]
