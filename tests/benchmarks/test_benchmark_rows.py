"""Results are kept by name; a benchmark is run by the name of its module."""

import importlib
import json
from pathlib import Path

import pytest

from tests.benchmarks import BENCHMARKS
from tests.benchmarks.__main__ import main
from tests.benchmarks.rows import Row, keep, table


def test_a_new_row_replaces_its_namesake_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    keep([Row(name="a", ours=1.0, unit="s"), Row(name="b", ours=2.0, unit="s")], path)
    keep([Row(name="b", ours=3.0, unit="s", budget="≤ 2", ok=False)], path)
    rows = json.loads(path.read_text())
    assert [(row["name"], row["ours"], row["ok"]) for row in rows] == [("a", 1.0, None), ("b", 3.0, False)]
    assert all(row["when"] and "commit" in row for row in rows)


def test_a_table_says_what_is_over_budget_and_what_is_not_known() -> None:
    rows = [
        Row(name="slow", ours=12.0, unit="s", budget="≤ 5", ok=False),
        Row(name="unknown", ours=None, unit="s", budget="≤ 5", note="no peer"),
    ]
    _, slow, unknown = table(rows).splitlines()
    assert slow.split() == ["slow", "12", "–", "s", "–", "≤", "5", "over"]
    assert unknown.split() == ["unknown", "–", "–", "s", "–", "≤", "5", "?", "no", "peer"]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_name_is_a_module_that_can_be_run(name: str) -> None:
    assert callable(importlib.import_module(f"tests.benchmarks.{name}").run)


def test_a_name_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed"]) == 2
    assert "no benchmark speed; there are save_holdup" in capsys.readouterr().err
