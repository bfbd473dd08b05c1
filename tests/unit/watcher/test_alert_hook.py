"""The operator's command is told of each alert once, as JSON, whatever the run's words are."""

import json
import logging
import sys
from pathlib import Path

import pytest
from world import RUN, World

from remote.vocabulary.commands import Verb
from tui_app.config import SettingError
from tui_app.watcher.alert_hook import AlertHook, command_of


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def silent(world: World) -> World:
    """A run whose only attempt gives no sign of life."""
    world.reserve()
    world.attempt().steps(1, 3)
    world.look()
    world.look(later=61.0)
    assert world.alerts() == ["silent"]
    return world


def hook(world: World, *command: str, time_limit: float = 10.0) -> AlertHook:
    return AlertHook(command, world.journal, "local", clock=world.clock, time_limit=time_limit)


def writing(path: Path) -> tuple[str, ...]:
    script = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
    return (sys.executable, "-c", script, str(path))


def told(path: Path) -> list[tuple[str, str]]:
    documents = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(document["rule"], document["state"]) for document in documents]


def test_an_alert_is_told_once_across_watchers_and_its_end_too(silent: World, tmp_path: Path) -> None:
    path = tmp_path / "told"
    for _ in range(3):
        hook(silent, *writing(path)).look()
        silent.restart()
    assert told(path) == [("silent", "raised")]
    document = json.loads(path.read_text())
    assert document["run"] == RUN
    assert document["severity"] == "critical"
    assert document["target"] == "local"
    assert document["since"] == "1970-01-01T00:17:41.000Z"
    trainer_is_back(silent)
    hook(silent, *writing(path)).look()
    assert told(path) == [("silent", "raised"), ("silent", "cleared")]


def trainer_is_back(world: World) -> None:
    for n in range(1, 60):
        world.records.put("heartbeat", b'{"attempt":1,"boot_id":"b","n":%d,"t":0}' % n)
        world.look(later=3.0)
    assert world.alerts() == ["silent", "-silent"]


def test_an_acknowledged_alert_is_not_told_and_a_snoozed_one_when_it_wakes(
    silent: World, tmp_path: Path
) -> None:
    path = tmp_path / "told"
    asked = silent.ask(Verb.SNOOZE, rule="silent", until=silent.now + 100.0)
    silent.look()
    assert silent.outcome(asked) == ("done", "silent is silent until 1970-01-01T00:19:21.000Z")
    watch = hook(silent, *writing(path))
    watch.look()
    assert told(path) == []
    silent.look(later=101.0)
    watch.look()
    watch.look()
    assert told(path) == [("silent", "raised")]
    asked = silent.ask(Verb.ACKNOWLEDGE, rule="silent")
    silent.look()
    assert silent.outcome(asked) == ("done", "silent is acknowledged by ada")
    assert silent.reader.alerts()[0].acknowledged_by == "ada@jump-1"
    hook(silent, *writing(tmp_path / "other")).look()
    assert told(tmp_path / "other") == []


@pytest.mark.parametrize(
    ("verb", "run", "args", "words"),
    [
        (Verb.ACKNOWLEDGE, RUN, {"rule": "crash_loop"}, "r7 has no alert crash_loop; standing is silent"),
        (Verb.ACKNOWLEDGE, RUN, {"rule": "mars"}, "rule is 'mars'; allowed is failed, not_finite"),
        (Verb.ACKNOWLEDGE, "r8", {"rule": "silent"}, "there is no run r8"),
        (Verb.SNOOZE, RUN, {"rule": "silent", "until": 5.0}, "until is 5.0; allowed is a time to come"),
        (Verb.SNOOZE, RUN, {"rule": "silent"}, "until is None"),
    ],
)
def test_what_cannot_be_acknowledged_is_refused_with_what_can(
    silent: World, verb: Verb, run: str, args: dict[str, object], words: str
) -> None:
    intent = silent.ask(verb, run, **args)
    silent.look()
    state, detail = silent.outcome(intent) or ("", "")
    assert state == "refused"
    assert detail.startswith(words)


def test_acknowledging_needs_no_link(silent: World) -> None:
    silent.link_is_up = False
    intent = silent.ask(Verb.ACKNOWLEDGE, rule="silent")
    silent.control.look()
    assert (silent.outcome(intent) or ("",))[0] == "done"


def test_while_the_link_is_down_nobody_is_called_silent(world: World) -> None:
    world.reserve()
    world.attempt().steps(1, 3)
    world.look()
    world.link_is_up = False
    for _ in range(3):
        world.now += 100.0
        with pytest.raises(Exception, match="does not answer"):
            world.follower.look()
    assert world.alerts() == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((sys.executable, "-c", "import sys; sys.exit('no pager')"), "exit status 1: no pager"),
        (("/nowhere/notify",), "could not be run"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "more than 0.2 s and was ended"),
    ],
)
def test_a_command_that_fails_is_logged_and_harms_nothing(
    silent: World, caplog: pytest.LogCaptureFixture, command: tuple[str, ...], words: str
) -> None:
    with caplog.at_level(logging.WARNING):
        watch = hook(silent, *command, time_limit=0.2)
        watch.look()
        watch.look()
    assert words in caplog.text
    assert len(caplog.records) == 1


def test_what_a_run_says_is_no_part_of_the_command(world: World, tmp_path: Path) -> None:
    world.reserve()
    trainer = world.attempt()
    trainer.say(
        "run.ended", state="FAILED", detail="\x1b[2J$(touch x); `touch x`\u202e", step=3, committed_step=0
    )
    world.look()
    path = tmp_path / "told"
    hook(world, *writing(path)).look()
    assert path.read_text().isascii()
    evidence = json.loads(path.read_text())["evidence"]
    assert "$(touch x)" in evidence
    assert evidence.isprintable()


def test_the_command_comes_from_flag_environment_or_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("MIDDLEWATCH_ON_ALERT", raising=False)
    assert command_of(None) == []
    (tmp_path / "middlewatch").mkdir()
    (tmp_path / "middlewatch" / "config.toml").write_text("on_alert = \"notify-send 'at night'\"\n")
    assert command_of(None) == ["notify-send", "at night"]
    monkeypatch.setenv("MIDDLEWATCH_ON_ALERT", "page")
    assert command_of(None) == ["page"]
    assert command_of("page --loud") == ["page", "--loud"]
    with pytest.raises(SettingError, match="on_alert"):
        command_of("page 'torn")
