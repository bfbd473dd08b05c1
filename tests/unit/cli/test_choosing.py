"""Which target a command means, and that the local cloud is never taken for the real one in silence."""

from pathlib import Path

import pytest
from conftest import Middlewatch, in_terminal, record
from story import RUN, live_story

from tui_app.choosing import choose_target, known_target, remember_target
from tui_app.exit_codes import ExitCode
from tui_app.journal.records import WatcherStatus
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.targets import TOKEN_REFUSED
from tui_app.verbs.common import with_target


def test_flag_beats_environment_beats_file_beats_the_last_one_used(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert known_target(None).origin == "default"
    remember_target("modal")
    assert (known_target(None).value, known_target(None).origin[:9]) == ("modal", "last used")
    (home / "middlewatch" / "config.toml").write_text('target = "local"\n')
    assert known_target(None).value == "local"
    monkeypatch.setenv("MIDDLEWATCH_TARGET", "modal")
    assert known_target(None).value == "modal"
    assert known_target("local").origin == "--target"


def test_whoever_has_a_token_and_never_chose_is_told_which_was_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    assert choose_target(None, can_ask=False, say=told.append).value == "local"
    assert told == []
    (home / ".modal.toml").write_text("")
    assert choose_target(None, can_ask=False, say=told.append).value == "local"
    assert told == ["target is local, because none was chosen; for the other: --target modal"]
    choose_target("modal", can_ask=False, say=told.append)
    remember_target("local")
    choose_target(None, can_ask=True, say=told.append)
    assert len(told) == 1


def test_on_a_terminal_it_is_asked_once(home: Path, locations: Locations, middlewatch: Middlewatch) -> None:
    (home / ".modal.toml").write_text("")
    code, out = in_terminal(["list"], 100, 30, typed="modal\n")
    assert code == ExitCode.OK
    assert "Which target do you mean?" in out
    assert "for target modal" in out
    code, out = in_terminal(["list"], 100, 30)
    assert "Which" not in out
    assert "for target modal" in out
    assert middlewatch("list").stderr == ""


def test_opening_a_target_makes_it_the_last_one_used(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, live_story().events)
    middlewatch("open", "--target", "modal")
    assert known_target(None).value == "modal"
    assert "for target modal" in middlewatch("list").stdout
    assert RUN in middlewatch("list", "--target", "local").stdout
    assert with_target(Locations.of("local")).endswith(" --target local")
    assert not with_target(Locations.of("modal")).endswith(" --target modal")


def test_a_run_is_opened_by_its_call_too(locations: Locations, middlewatch: Middlewatch) -> None:
    story = live_story()
    story.end(1, "STOPPED", 14)
    record(locations, story.events)
    assert "r7 STOPPED" in middlewatch("open", "fc-1").stdout
    done = middlewatch("open", "fc-9")
    assert done.returncode == ExitCode.REFUSED  # it may be anybody's call: only the target could tell
    assert "the local cloud is not running" in done.stderr
    looked = middlewatch("open", "fc-9", "--read-only")
    assert looked.returncode == ExitCode.USAGE
    assert "'fc-9'" in looked.stderr


def test_a_refused_token_exits_with_4(
    locations: Locations, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui_app.exit_codes import CommandError
    from tui_app.verbs.asking import require_token

    journal = JournalWriter(locations.journal)
    status = WatcherStatus(
        pid=1,
        started_at=1.0,
        beat_at=1.0,
        target="modal",
        workspace="",
        reachable=False,
        reachable_since=1.0,
        detail=f"{TOKEN_REFUSED}: Token ID is malformed",
        watcher_id="w",
        version="t",
    )
    journal.set_status(status)
    journal.close()
    with pytest.raises(CommandError, match="modal token new") as caught:
        require_token(locations)
    assert caught.value.code is ExitCode.AUTH
