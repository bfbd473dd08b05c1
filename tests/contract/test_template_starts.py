"""Containers that are forked from a process in which their class was loaded once, and what they are not
allowed to inherit."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from contract_cloud import HERE, LocalCloud, make_cloud, wait_for

LOADED = """
Loaded = modal.Cls.from_name('template', 'Loaded')()
notes = modal.Dict.from_name('template', create_if_missing=True)
"""
UNSAFE = {
    "WithThread": "2 threads run",
    "WithConnection": "a connection open",
    "WithClient": "threads run",
    "Asynchronous": "hook is asynchronous",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """A cloud with room for as many templates as the app has classes, and no spares."""
    for made in make_cloud(LOCAL_CLOUD_TEMPLATES="5"):
        made.deploy(HERE / "template_app.py")
        settle(made)
        yield made


def settle(cloud: LocalCloud) -> None:
    """Wait until it is known of each class whether it can have a template."""
    wait_for(lambda: len(templates(cloud)["refused"]) == len(UNSAFE) and has_template(cloud), seconds=60)


def templates(cloud: LocalCloud) -> Any:
    return json.loads(cloud.places.status_file.read_text()).get("templates", {"ready": 0, "refused": []})


def template_pid(cloud: LocalCloud) -> int | None:
    """The live process of the one class that can have a template."""
    query = "SELECT pid FROM tasks WHERE start_kind='template_process' AND finished_at IS NULL"
    row = cloud.row(query)
    return row[0] if row else None


def has_template(cloud: LocalCloud) -> bool:
    """Whether a fork could be had now: status is as old as two seconds, so ask for one."""
    return bool(templates(cloud)["ready"]) and template_pid(cloud) is not None


def ready_again(cloud: LocalCloud, old: int) -> None:
    wait_for(lambda: template_pid(cloud) not in (None, old), seconds=40)
    code = LOADED + "say(Loaded.look.spawn().get(timeout=30)['start'])"
    wait_for(lambda: cloud.client(code) == "template", seconds=40)


def task(cloud: LocalCloud, task_id: str) -> sqlite3.Row:
    return cloud.row("SELECT pid, ended, start_kind FROM tasks WHERE task_id=?", task_id)


def test_a_class_is_loaded_once_and_every_container_is_a_fork_of_it(cloud):
    first, second = (cloud.client(LOADED + "say(Loaded.look.spawn().get(timeout=30))") for _ in range(2))
    assert first["start"] == second["start"] == "template"
    assert first["loaded_in"] == second["loaded_in"] == template_pid(cloud)
    assert first["loaded_as"] == second["loaded_as"]
    assert first["leads"]
    assert first["temporary"]
    assert first["work"]
    for own in ("pid", "entered", "task", "random"):
        assert first[own] != second[own]
    assert task(cloud, first["task"])[0] == first["pid"]


def test_a_start_from_a_template_names_its_phases(cloud):
    code = """
call = Loaded.look.spawn()
task = call.get(timeout=30)['task']
wait_for(lambda: any('start' in entry.message for entry in call.logs.fetch()))
say([task, [entry.message for entry in call.logs.fetch()]])
"""
    task_id, lines = cloud.client(LOADED + code)
    phases = json.loads(cloud.row("SELECT phases FROM task_starts WHERE task_id=?", task_id)[0])
    assert list(phases) == ["fork", "boot", "enter"]
    words = ", ".join(f"{name} {milliseconds} ms" for name, milliseconds in phases.items())
    assert f"Container {task_id} is a template start: {words}.\n" in lines


def test_what_the_first_hook_prints_is_in_the_apps_log_once(cloud):
    kinds = "SELECT count(*) FROM tasks WHERE start_kind=?"
    said = cloud.modal("app", "logs", "template").count("loaded once")
    assert 1 <= said <= cloud.row(kinds, "template_process")[0] - len(UNSAFE)
    assert said < cloud.row(kinds, "template")[0]


def test_each_fork_has_its_own_view_of_the_apps_volume(cloud):
    code = """
calls = [Loaded.write.spawn(name) for name in ('one', 'two')]
wait_for(lambda: notes.get('one/written') and notes.get('two/written'))
go('one'), go('two')
own = [call.get(timeout=30) for call in calls]
go('three')
say([own, Loaded.write.spawn('three').get(timeout=30)])
"""
    own, later = cloud.client(LOADED + code)
    assert own == [["one"], ["two"]]
    assert later == ["one", "three", "two"]
    assert not Path("/template-volume").exists()


def test_an_interrupted_fork_runs_its_exit_hook_and_its_input_goes_on_in_another(cloud):
    code = """
call = Loaded.wait.spawn('stopped')
task = wait_for(lambda: notes.get('stopped/starts'))[0]
subprocess.run([sys.executable, '-m', 'modal', 'container', 'stop', task, '--yes'], check=True)
wait_for(lambda: len(notes['stopped/starts']) == 2)
go('stopped')
say([call.get(timeout=30), task, [entry.message for entry in call.logs.fetch()]])
"""
    starts, first, lines = cloud.client(LOADED + code)
    assert starts == 2
    assert "exit hook\n" in lines
    assert wait_for(lambda: task(cloud, first)[1]) == "exit 0 (preempted)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_fork_that_a_signal_ends_gives_its_input_to_another(cloud, number):
    code = "say(Loaded.end_by.spawn(f'by-{sys.argv[1]}', int(sys.argv[1])).get(timeout=30))"
    assert cloud.client(LOADED + code, int(number)) == 2
    with closing(sqlite3.connect(cloud.places.database)) as db:
        ends = [row[0] for row in db.execute("SELECT ended FROM tasks WHERE start_kind='template'")]
    assert f"exit -{int(number)}" in ends


def test_a_cancelled_call_ends_in_a_fork_as_in_any_container(cloud):
    code = """
call = Loaded.wait.spawn('cancelled')
wait_for(lambda: notes.get('cancelled/starts'))
call.cancel()
try:
    call.get(timeout=20)
except Exception as error:
    say([type(error).__name__, len(notes['cancelled/starts'])])
"""
    assert cloud.client(LOADED + code) == ["RemoteError", 1]


def test_a_failed_call_is_tried_again_in_a_fork(cloud):
    assert cloud.client(LOADED + "say(Loaded.fail.spawn('fails').get(timeout=30))") == 2


def test_an_asynchronous_method_runs_in_a_fork(cloud):
    assert cloud.client(LOADED + "say(Loaded.asynchronous.spawn().get(timeout=30))") == "done"


def test_a_fork_outlives_its_template_and_another_template_comes(cloud):
    code = "say([Loaded.wait.spawn('outlives').object_id, wait_for(lambda: notes.get('outlives/starts'))[0]])"
    call_id, task_id = cloud.client(LOADED + code)
    old = template_pid(cloud)
    assert old is not None
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: template_pid(cloud) != old)
    assert psutil.pid_exists(task(cloud, task_id)[0])
    code = "go('outlives'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(LOADED + code, call_id) == 1
    ready_again(cloud, old)


def test_a_fork_outlives_the_daemon_and_is_adopted_and_the_template_is_not(cloud):
    code = "say([Loaded.wait.spawn('adopted').object_id, wait_for(lambda: notes.get('adopted/starts'))[0]])"
    call_id, task_id = cloud.client(LOADED + code)
    old = template_pid(cloud)
    assert old is not None
    cloud.kill()
    wait_for(lambda: not psutil.pid_exists(old))
    cloud.up()
    code = "go('adopted'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(LOADED + code, call_id) == 1
    assert task(cloud, task_id)[2] == "template"
    ready_again(cloud, old)


@pytest.mark.parametrize("name", UNSAFE)
def test_a_class_that_a_fork_would_break_is_started_without_a_template_and_its_log_says_why(cloud, name):
    code = "say(modal.Cls.from_name('template', sys.argv[1])().start.spawn().get(timeout=30))"
    assert cloud.client(code, name) == "cold"
    assert f"{name}.* has no template" in cloud.modal("app", "logs", "template")
    settle(cloud)  # a daemon that was killed, as in the test before, asks every class again
    (why,) = [line for line in templates(cloud)["refused"] if line.startswith(f"{name}.*")]
    assert UNSAFE[name] in why


def test_down_ends_the_template_too(cloud):
    pid = wait_for(lambda: template_pid(cloud))
    assert cloud("down").returncode == 0
    assert not psutil.pid_exists(pid)
    cloud.up()


@pytest.fixture(scope="module")
def sparing() -> Iterator[LocalCloud]:
    for made in make_cloud(LOCAL_CLOUD_TEMPLATES="1", LOCAL_CLOUD_SPARES="5"):
        made.deploy(HERE / "template_app.py")
        yield made


def test_a_spare_of_a_class_with_a_template_is_a_fork_too(sparing):
    waiting = wait_for(lambda: parked(sparing), seconds=60)
    seen = sparing.client(LOADED + "say(Loaded.look.spawn().get(timeout=30))")
    assert (seen["start"], seen["pid"]) == ("template", waiting)
    assert seen["loaded_in"] == template_pid(sparing)
    row = sparing.row("SELECT phases FROM task_starts WHERE task_id=?", seen["task"])
    assert list(json.loads(row[0])) == ["fork", "release"]


def test_a_forked_spare_does_not_outlive_the_daemon_and_another_comes(sparing):
    waiting = wait_for(lambda: parked(sparing), seconds=60)
    sparing.kill()
    assert psutil.pid_exists(waiting)
    sparing.up()
    wait_for(lambda: not psutil.pid_exists(waiting))
    assert wait_for(lambda: parked(sparing), seconds=60) != waiting


def parked(cloud: LocalCloud) -> int | None:
    """The process of a fork that waits for an input."""
    if not json.loads(cloud.places.status_file.read_text())["spares_ready"]:
        return None
    row = cloud.row(
        "SELECT pid FROM tasks WHERE start_kind='template' AND started_at IS NULL AND finished_at IS NULL"
    )
    return row[0] if row else None


def test_there_is_no_template_unless_it_is_asked_for():
    for cloud in make_cloud():
        cloud.deploy(HERE / "template_app.py")
        code = LOADED + "say(Loaded.look.spawn().get(timeout=30)['start'])"
        assert [cloud.client(code) for _ in range(2)] == ["cold", "cold"]
        assert cloud.row("SELECT count(*) FROM tasks WHERE start_kind='template_process'")[0] == 0
