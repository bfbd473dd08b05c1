"""The line above the keys says what is wrong with the way to the target, and what to do about it."""

from __future__ import annotations

from tui_app.widgets.sight import Link
from tui_app.widgets.status_line import Report, StatusLine

NOW = 1_000.0
WHY = "the local cloud is not running; start it with: middlewatch cloud up"
CUT = Link("local", beat_at=NOW, reachable=False, reachable_since=NOW - 90, detail=WHY)


def shown(report: Report | None, link: Link | None, width: int = 80) -> str:
    line = StatusLine()
    line.show(report, link, NOW)
    rows = ["".join(text for text, _ in row) for row in line.text_lines(width)]
    assert all(len(row) <= width for row in rows)
    return " ".join(" ".join(rows).split())


def test_a_target_that_cannot_be_reached_is_named_with_the_reason_and_the_remedy() -> None:
    assert shown(None, CUT) == f"LOCAL UNREACHABLE for 1 min 30 s · {WHY}"


def test_what_was_sent_and_cannot_arrive_says_why_it_waits() -> None:
    sent = Report("sent", "spawn r1: written down, the watcher has not answered yet", NOW - 5)
    assert WHY in shown(sent, CUT)
    assert WHY not in shown(sent, Link("local", beat_at=NOW, detail=""))
    assert WHY not in shown(Report("done", "spawn r1", NOW - 5), CUT)


def test_an_age_alone_never_takes_a_row_of_the_screen() -> None:
    done = Report("done", "spawn r1: r1 is call fc-0123456789", NOW - 5)
    assert shown(done, None, 60).endswith("· 5 s ago")
    assert shown(done, None, 46) == "DONE spawn r1: r1 is call fc-0123456789"


def test_all_well_is_one_quiet_line() -> None:
    assert shown(None, Link("local", beat_at=NOW, started_at=NOW - 60)) == (
        "watcher up 1 min 0 s · beat under 5 s ago · local reachable"
    )
    assert shown(None, None) == ""
