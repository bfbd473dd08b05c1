"""The home table's columns fit at every width; the name gives way before a number does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remote.vocabulary.run_states import RunState
from tui_app.render.spans import width
from tui_app.state.alert_book import Alert
from tui_app.state.alert_terms import AlertSeverity
from tui_app.state.view import CommitView, RunView
from tui_app.widgets.banner import worst_of
from tui_app.widgets.header_rows import in_rows
from tui_app.widgets.outlook import outlook
from tui_app.widgets.panel import stack
from tui_app.widgets.panels import panels
from tui_app.widgets.run_columns import READABLE, _spark, chosen, fitted, gap
from tui_app.widgets.run_header import flow
from tui_app.widgets.sight import Link, Sight
from tui_app.widgets.words import header

NOW = 1_800_000_000.0
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,47}", fullmatch=True)
VIEWS = st.builds(
    RunView,
    run=NAMES,
    state=st.sampled_from(RunState),
    state_since=st.one_of(st.none(), st.just(NOW - 100)),
    step=st.integers(0, 1_000_000),
    of=st.one_of(st.none(), st.integers(1, 1_000_000)),
    spawned_at=st.just(NOW - 5000),
    retries_used=st.integers(0, 10),
    max_retries=st.one_of(st.none(), st.integers(0, 10)),
    preemptions=st.integers(0, 99),
    steps_redone=st.integers(0, 100_000),
)


def sight(view: RunView, *, reachable: bool = True) -> Sight:
    link = Link("local", beat_at=NOW, started_at=NOW - 9, reachable=reachable)
    return Sight(view, link, NOW, NOW - 200)


@given(st.lists(VIEWS, min_size=1, max_size=5), st.integers(80, 240), st.booleans())
def test_columns_fit_the_table(views: list[RunView], cells: int, reachable: bool) -> None:
    columns = chosen(cells)
    rows = [[column.cell(sight(view, reachable=reachable)) for column in columns] for view in views]
    widths = fitted(columns, rows, cells - 1, gap(cells))
    usual = all(view.step < 10_000 and (view.of or 0) < 10_000 for view in views)
    if usual:
        assert sum(widths) + gap(cells) * (len(widths) - 1) <= cells - 1
    assert widths[0] >= columns[0].least


@given(st.integers(1, 48), st.sampled_from([80, 100, 120, 140]))
def test_a_name_is_cut_only_where_the_sparkline_is_as_short_as_can_be_read(length: int, cells: int) -> None:
    view = RunView(run="r" * length, state=RunState.RUNNING, step=455, of=1500, spawned_at=NOW)
    columns = chosen(cells)
    widths = fitted(columns, [[column.cell(sight(view)) for column in columns]], cells - 1, gap(cells))
    spark = widths[next(i for i, column in enumerate(columns) if column.cell is _spark)]
    assert widths[0] >= length or spark <= max(READABLE, len("REWARD"))


@given(VIEWS, st.integers(79, 240))
def test_no_line_of_the_header_is_wider_than_the_screen(view: RunView, cells: int) -> None:
    for groups in (header(sight(view)), outlook(sight(view))):
        assert all(width(line) <= cells for line in flow(groups, cells))


@given(VIEWS, st.integers(79, 240), st.sampled_from([(), ("READ-ONLY",), ("PAUSED", "DISARMED, W arms")]))
def test_a_header_takes_no_more_rows_than_it_is_given(
    view: RunView, cells: int, notes: tuple[str, ...]
) -> None:
    for rows in (2, 3):
        lines = in_rows(sight(view), notes, cells, rows)
        assert len(lines) == rows
        assert all(width(line) <= cells for line in lines)


@given(VIEWS, st.integers(79, 240), st.sampled_from([2, 3]), st.text("loss is NaN ", max_size=200))
def test_an_alert_takes_the_place_of_counters_and_says_how_to_see_more(
    view: RunView, cells: int, rows: int, text: str
) -> None:
    alert = Alert(
        rule="r",
        severity=AlertSeverity.CRITICAL,
        run=view.run,
        text=text,
        evidence="",
        key="",
        since=NOW - 99,
    )
    lines = in_rows(sight(view), (), cells, rows, lambda room: worst_of([alert, alert], NOW, room))
    assert [width(line) <= cells for line in lines] == [True] * rows
    said = "".join(part for part, _ in lines[-1])
    assert "CRITICAL" in said
    assert "for 1 min" in said
    assert "1 more · ! lists" in said
    assert ("no commit yet" in said) == (rows == 2)


def test_an_age_that_has_no_room_loses_a_word_and_no_number() -> None:
    commit = CommitView(
        step=984, name="s", position=1, bytes=9, seconds=0.1, tries=1, t=NOW - 2400, attempt=1
    )
    for cells, expected in ((31, "step 984 · 40 min"), (40, "step 984 · 40 min ago")):
        shown = panels(sight(RunView(run="r7", commits=(commit,), commit_count=1)), cells)[1].must[0]
        assert "".join(part for part, _ in shown) == f"committed   {expected}"


@given(VIEWS, st.sampled_from([(), ("READ-ONLY",), ("PAUSED", "DISARMED, W arms")]))
def test_three_rows_of_eighty_cells_say_what_is_at_risk(view: RunView, notes: tuple[str, ...]) -> None:
    text = "".join(part for line in in_rows(sight(view), notes, 79, 3) for part, _ in line)
    for word in (*notes, "commit", f"uncommitted {view.uncommitted_steps}", "attempt"):
        assert word in text


@given(VIEWS, st.integers(30, 60), st.integers(1, 60))
def test_panels_never_take_more_rows_than_there_are(view: RunView, cells: int, rows: int) -> None:
    assert len(stack(panels(sight(view), cells), rows)) <= rows


def test_the_most_important_panels_are_kept_where_rows_are_few() -> None:
    blocks = panels(sight(RunView(run="r7")), 40)
    text = "\n".join("".join(part for part, _ in line) for line in stack(blocks, 7))
    assert "attempts" in text
    assert "volume" in text
    assert "gpu" not in text
