"""A crash leaves a private report and two lines, and no credential in either."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from tui_app import crash_report

TOKEN = "hf_" + "aB3d" * 8


def broken() -> Exception:
    held_in_a_local = TOKEN
    try:
        raise RuntimeError(f"\x1b[31mwith {held_in_a_local}")
    except RuntimeError as error:
        return error


def test_the_report_is_private_and_holds_no_token_and_no_escape(tmp_path: Path) -> None:
    path = crash_report.write(broken(), tmp_path)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "RuntimeError" in text
    assert "broken" in text
    assert TOKEN not in text
    assert all(line.isprintable() for line in text.splitlines())


def test_a_place_that_cannot_be_written_is_not_another_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert crash_report.write(broken(), tmp_path / "file") is None
    assert "no report" in crash_report.words(broken(), None)[1]


def test_old_reports_are_dropped(tmp_path: Path) -> None:
    for moment in range(crash_report.MAX_REPORTS + 5):
        crash_report.write(broken(), tmp_path, now=float(moment))
    assert len(list((tmp_path / "crashes").iterdir())) == crash_report.MAX_REPORTS


def test_an_unforeseen_error_of_a_command_is_two_lines(home: Path) -> None:
    script = (
        "from tui_app import cli\n"
        "from tui_app.verbs import reading\n"
        "def broken(*args, **kwargs):\n"
        f"    token = '{TOKEN}'; raise ZeroDivisionError(token)\n"
        "reading.list_.callback = broken\n"
        "cli.main(['list'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert TOKEN not in done.stderr
    assert len(list((home / "middlewatch" / "crashes").iterdir())) == 1
