"""Volumes and buckets at an app's own paths, with an app that knows nothing of the local cloud."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest
from contract_cloud import HERE, ROOT, LocalCloud, make_cloud, wait_for

from remote.local_cloud import bubblewrap

FOREIGN = """
foreign = lambda name: modal.Function.from_name('foreign', name)
Trainer = modal.Cls.from_name('foreign', 'Trainer')
notes = modal.Dict.from_name('foreign', create_if_missing=True)
"""
MOUNTS = ("/foreign-vol", "/foreign-pictures")
WHY_NOT = bubblewrap.unusable()
needs_bubblewrap = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


def deploy(cloud: LocalCloud, **replaced: str) -> None:
    text = (HERE / "foreign_app.py").read_text()
    for path in MOUNTS:
        text = text.replace(f'"{path}"', f'"{replaced.get(path, path)}"')
    path = cloud.root / "foreign_app.py"
    path.write_text(text)
    cloud.deploy(path)


@pytest.fixture(scope="module")
def wrapped() -> Iterator[LocalCloud]:
    """A cloud that mounts by bubblewrap at paths that are missing on this machine."""
    for made in make_cloud():
        deploy(made)
        yield made


@pytest.fixture(scope="module")
def linked() -> Iterator[LocalCloud]:
    """A cloud that links, at paths in a directory that it can write to."""
    with tempfile.TemporaryDirectory(prefix="lk-") as where:
        for made in make_cloud(LOCAL_CLOUD_MOUNT_BY="link"):
            deploy(made, **{path: where + path for path in MOUNTS})
            yield made
            assert os.listdir(where) == []


@pytest.fixture(params=[pytest.param("wrapped", marks=needs_bubblewrap), "linked"])
def cloud(request: pytest.FixtureRequest) -> LocalCloud:
    made: LocalCloud = request.getfixturevalue(request.param)
    return made


def test_an_unmodified_app_finds_its_volume_and_its_bucket_at_its_own_paths(cloud):
    assert "deep" in cloud.client(FOREIGN + "say(foreign('write').remote('first.txt'))")
    assert "in the volume" in cloud.modal("volume", "get", "foreign", "deep/er/first.txt", "-")
    bucket = cloud.places.state / "buckets" / "pictures" / "small"
    assert (bucket / "first.txt").read_text() == "in the bucket"
    assert not [path for path in MOUNTS if os.path.lexists(path)]


def test_a_part_of_a_volume_can_be_mounted(cloud):
    code = "foreign('write').remote('part.txt'); say(foreign('list_a_part').remote())"
    assert "part.txt" in cloud.client(FOREIGN + code)


def test_a_preempted_container_is_interrupted_leaves_by_its_exit_hook_and_resumes(cloud):
    code = """
call = Trainer().train.spawn('run')
wait_for(lambda: notes.get('run/ready'))
task = notes['run/starts'][0]
subprocess.run([sys.executable, '-m', 'modal', 'container', 'stop', task, '--yes'], check=True)
say([call.get(timeout=30), notes.get('run/interrupted')])
"""
    assert cloud.client(FOREIGN + code) == [["7", True], True]


def test_a_killed_container_is_seen_to_end_and_its_input_goes_on(cloud):
    code = """
call = Trainer().train.spawn('killed')
wait_for(lambda: notes.get('killed/ready'))
subprocess.run([sys.executable, '-m', 'remote.local_cloud', 'fault', 'kill', notes['killed/starts'][0],
                '--state', sys.argv[1]], check=True, env={**os.environ, 'PYTHONPATH': sys.argv[2]})
say(call.get(timeout=30))
"""
    assert cloud.client(FOREIGN + code, cloud.places.state, ROOT) == ["7", False]


def test_a_container_is_adopted_by_the_next_daemon(cloud):
    code = """
call = Trainer().train.spawn('adopted')
say([call.object_id, wait_for(lambda: notes.get('adopted/ready')) and notes['adopted/starts'][0]])
"""
    call_id, task = cloud.client(FOREIGN + code)
    cloud.kill()
    cloud.up()
    assert task in cloud.modal("container", "list", "--json")
    cloud.modal("container", "stop", task, "--yes")
    code = "say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(FOREIGN + code, call_id) == ["7", True]


def test_a_reload_fails_while_a_file_is_open_or_worked_in_under_the_mount_path(cloud):
    outcomes = cloud.client(FOREIGN + "say(foreign('reload_in_use').remote('open.txt'))")
    assert ["open files" in outcome for outcome in outcomes] == [True, True]


@needs_bubblewrap
def test_containers_at_one_path_have_copies_of_their_own_and_see_a_commit_after_a_reload(wrapped):
    code = """
calls = [foreign('meet').spawn('a.txt', 'b.txt'), foreign('meet').spawn('b.txt', 'a.txt')]
say([call.get(timeout=30) for call in calls])
"""
    (before, after, other), (before_b, after_b, _) = wrapped.client(FOREIGN + code)
    assert "a.txt" in before
    assert "b.txt" not in before
    assert "a.txt" not in before_b
    assert {"a.txt", "b.txt"} <= set(after) & set(after_b)
    assert other == "b.txt"


@needs_bubblewrap
def test_a_read_only_mount_cannot_be_written_to(wrapped):
    assert "Read-only" in wrapped.client(FOREIGN + "say(foreign('write_what_is_read_only').remote('x'))")


@needs_bubblewrap
def test_a_spare_has_its_paths_when_it_is_made_and_sees_what_was_committed_since():
    for cloud in make_cloud(LOCAL_CLOUD_SPARES="1"):
        deploy(cloud)
        wait_for(lambda cloud=cloud: cloud.status().get("spares_ready") == 1)
        source = cloud.root / "later.txt"
        source.write_text("later")
        cloud.modal("volume", "put", "foreign", str(source), "later.txt")
        seen, there, start = cloud.client(FOREIGN + "say(Trainer().look.remote('later.txt'))")
        assert (seen, there, start) == ([], True, "warm_spare")


def test_a_link_leads_to_one_container_so_another_waits_and_says_so(linked):
    code = """
first = Trainer().train.spawn('holder')
wait_for(lambda: notes.get('holder/ready'))
second = foreign('write').spawn('second.txt')
say([first.object_id, second.object_id, notes['holder/starts'][0]])
"""
    first, second, task = linked.client(FOREIGN + code)
    said = wait_for(lambda: "waiting for a mount path" in (s := linked("status").stdout) and s)
    assert f"until {task} ends" in said
    assert f"write waits for {linked_path(said)}" in linked.modal("app", "logs", "foreign", "--tail", "50")
    code = """
waiting, first = [modal.FunctionCall.from_id(call) for call in sys.argv[1:3]]
try:
    waiting.get(timeout=1)
except TimeoutError:
    first.cancel()
say(waiting.get(timeout=30))
"""
    assert "deep" in linked.client(FOREIGN + code, second, first)
    wait_for(lambda: "waiting for a mount path" not in linked("status").stdout)


def linked_path(said: str) -> str:
    """The paths that somebody waits for, as `status` says them."""
    return said.partition("waiting for a mount path: ")[2].partition(" until")[0]


def test_nothing_that_is_there_is_replaced_by_a_link_and_the_log_says_so(linked):
    path = linked.root / "occupied_app.py"
    occupied = linked.root / "occupied"
    occupied.mkdir()
    (occupied / "mine.txt").write_text("mine")
    path.write_text(OCCUPIED.replace("OCCUPIED", str(occupied)))
    linked.deploy(path)
    listed = linked.client("say(modal.Function.from_name('occupied', 'list_it').remote())")
    assert listed == ["mine.txt"]
    assert not occupied.is_symlink()
    wait_for(lambda: "occupied: not made here" in linked.modal("app", "logs", "occupied", "--tail", "50"))


OCCUPIED = """
import os
import modal

app = modal.App("occupied")

@app.function(volumes={"OCCUPIED": modal.Volume.from_name("occupied", create_if_missing=True)})
def list_it() -> list:
    return os.listdir("OCCUPIED")
"""


def test_links_of_a_daemon_that_was_killed_are_removed_by_down(tmp_path):
    for cloud in make_cloud(LOCAL_CLOUD_MOUNT_BY="link"):
        deploy(cloud, **{path: str(tmp_path) + path for path in MOUNTS})
        code = "Trainer().train.spawn('left'); say(bool(wait_for(lambda: notes.get('left/ready'))))"
        cloud.client(FOREIGN + code)
        assert os.listdir(tmp_path) == ["foreign-vol"]
        cloud.kill()
        cloud("down")
        assert os.listdir(tmp_path) == []


@needs_bubblewrap
def test_status_says_what_makes_mount_paths(wrapped):
    said = wait_for(lambda: "mount paths" in (s := wrapped("status").stdout) and s)
    assert "mount paths by bubblewrap" in said


def test_what_this_machine_can_do_is_told_without_a_daemon():
    command = [sys.executable, "-m", "remote.local_cloud.mount_paths"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert ('"by": "bubblewrap"' in told) is (WHY_NOT is None)
