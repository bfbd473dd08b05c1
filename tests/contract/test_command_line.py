"""The unmodified ``modal`` command line, and our own ``python -m remote.local_cloud``."""

import json
import subprocess
import sys

import psutil
import pytest
from contract_cloud import ROOT, wait_for

START = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
modal.Queue.from_name('line', create_if_missing=True).put_many([1, 2], partition='p')
Job.wait.spawn('held')
wait_for(lambda: notes.get('held/starts'))
say(notes['held/starts'][0])
"""


@pytest.fixture(scope="module")
def running(cloud):
    """The container of a call that runs until its app is stopped."""
    return cloud.client(START)


def test_lists_show_what_is_there(cloud, running):
    listed = json.loads(cloud.modal("container", "list", "--json"))
    assert [row["container_id"] for row in listed] == [running]
    assert json.loads(cloud.modal("app", "list", "--json"))[0]["description"] == "sample"
    assert json.loads(cloud.modal("volume", "list", "--json"))[0]["name"] == "sample"
    assert json.loads(cloud.modal("dict", "list", "--json"))[0]["name"] == "sample"
    assert json.loads(cloud.modal("queue", "list", "--json"))[0]["name"] == "line"


def test_a_stopped_app_ends_its_calls_and_containers_and_can_be_deployed_again(cloud, running):
    cloud.modal("app", "stop", "sample", "--yes")
    wait_for(lambda: json.loads(cloud.modal("container", "list", "--json")) == [])
    states = [app["state"] for app in json.loads(cloud.modal("app", "list", "--json"))]
    assert states == ["stopped"]
    cloud.deploy(ROOT / "tests" / "contract" / "sample_app.py")
    code = "say(modal.Function.from_name('sample', 'square').remote(7))"
    assert cloud.client(code) == 49


def test_status_and_env_say_when_nothing_runs(cloud):
    elsewhere = ["--state", str(cloud.root / "another")]
    for verb in ("status", "env"):
        command = [sys.executable, "-m", "remote.local_cloud", verb, *elsewhere]
        assert subprocess.run(command, capture_output=True, cwd=ROOT).returncode == 5


def test_a_second_up_finds_the_running_daemon(cloud):
    assert json.loads(cloud("up", "--json").stdout) == {"running": True, "started": False}


def test_an_interrupted_smoke_test_leaves_nothing_behind(tmp_path):
    process = start_smoke(tmp_path)
    wait_for(lambda: len(remains(tmp_path)) > 3)
    psutil.Process(process.pid).terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert remains(tmp_path) == []


def start_smoke(directory) -> subprocess.Popen[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "TMPDIR": str(directory)}
    return subprocess.Popen(
        [sys.executable, "-m", "remote.local_cloud.smoke"],
        env=environment,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def remains(directory) -> list[str]:
    """Files below a directory, and processes that mention it."""
    processes = [
        " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline", "environ"])
        if f"TMPDIR={directory}" in str(process.info["environ"]) or str(directory) in str(process.info)
    ]
    return [*processes, *(str(path) for path in directory.rglob("*"))]
