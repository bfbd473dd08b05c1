"""The doctor says what is here and what is wrong, and changes nothing."""

import json
from pathlib import Path

from conftest import Middlewatch, record
from story import demo_story

from tui_app.exit_codes import ExitCode
from tui_app.locations import Locations


def checks(middlewatch: Middlewatch, *arguments: str) -> dict[str, dict[str, str]]:
    document = json.loads(middlewatch("doctor", "--json", *arguments).stdout)
    return {check["name"]: check for check in document["checks"]}


def test_it_looks_at_everything_and_makes_nothing(home: Path, middlewatch: Middlewatch) -> None:
    done = middlewatch("doctor")
    assert done.returncode == ExitCode.OK, done.stdout
    found = checks(middlewatch)
    for name in (
        "python",
        "modal",
        "torch",
        "target",
        "state",
        "disk",
        "local cloud",
        "watcher",
        "terminal",
        "volumes",
    ):
        assert name in found
    assert "cloud up" in found["local cloud"]["detail"]
    assert "not made yet" in found["state"]["detail"]
    assert list(home.iterdir()) == []


def test_a_state_directory_open_to_others_is_found(locations: Locations, middlewatch: Middlewatch) -> None:
    locations.state.chmod(0o755)
    done = middlewatch("doctor")
    assert done.returncode == ExitCode.ERROR
    assert f"chmod 700 {locations.state}" in done.stdout
    assert checks(middlewatch)["state"]["mark"] == "!!"


def test_recorded_runs_are_counted(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, demo_story().events)
    assert "1 run recorded" in checks(middlewatch)["watcher"]["detail"]


def test_a_missing_token_is_found(middlewatch: Middlewatch) -> None:
    assert checks(middlewatch, "--target", "modal")["token"]["mark"] == "!!"
