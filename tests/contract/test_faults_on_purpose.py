"""``python -m remote.local_cloud fault …``: each does what it says, and is recorded."""

import contextlib
import sqlite3

import pytest
from contract_cloud import ROOT, wait_for

from remote.local_cloud import fault_command

pytestmark = pytest.mark.usefixtures("healthy_again")
JOB = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
"""
START = "call = Job.wait.spawn(sys.argv[1]); wait_for(lambda: notes.get(sys.argv[1] + '/starts'))\n"


def started(cloud, name: str) -> tuple[str, str]:
    code = JOB + START + "say([call.object_id, notes[sys.argv[1] + '/starts'][-1]])"
    call_id, task_id = cloud.client(code, name)
    return call_id, task_id


def restarted(cloud, name: str) -> bool:
    code = JOB + "wait_for(lambda: len(notes[sys.argv[1] + '/starts']) == 2); go(sys.argv[1]); say(True)"
    return bool(cloud.client(code, name))


@pytest.mark.parametrize(
    ("kind", "arguments", "ending"),
    [("preempt", {"grace": 3}, "preempted"), ("kill", {}, "exit -9"), ("gpu-lost", {}, "exit -9")],
)
def test_a_container_ends_as_asked_and_its_input_goes_on_in_another(cloud, kind, arguments, ending):
    _, task_id = started(cloud, kind)
    assert task_id in cloud.fault(kind, task=task_id, **arguments)
    assert restarted(cloud, kind)
    with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
        row = wait_for(lambda: db.execute("SELECT ended FROM tasks WHERE task_id=?", (task_id,)).fetchone())
    assert ending in row[0]


def test_commits_of_a_volume_fail_so_many_times(cloud):
    cloud.fault("commit-fail", volume="sample", times=1)
    code = JOB + "say(Job.commit.spawn('drilled', False).get(timeout=30))"
    first, second = cloud.client(code)
    assert first != "committed"
    assert second == "committed"


def test_without_capacity_a_call_waits_until_there_is_some_again(cloud):
    cloud.fault("no-capacity")
    call_id = cloud.client(JOB + "say(Job.echo.spawn(b'late').object_id)")
    code = """
call = modal.FunctionCall.from_id(sys.argv[1])
try:
    say(call.get(timeout=float(sys.argv[2])) == b'late')
except TimeoutError:
    say('waiting')
"""
    assert cloud.client(code, call_id, 1.5) == "waiting"
    wait_for(lambda: "no container starts" in cloud("status").stdout)
    cloud.fault("clear")
    assert cloud.client(code, call_id, 30) is True


def test_a_stale_volume_shows_a_reload_nothing_new_until_it_is_healthy(cloud):
    code = """
watching = Job.see.spawn('stale.txt')
wait_for(lambda: notes.get('stale.txt/looked'))
Job.commit.spawn('stale.txt', False).get(timeout=30)
subprocess.run([sys.executable, '-m', 'remote.local_cloud', 'fault', 'stale-reload', 'sample',
                '--state', sys.argv[1]], check=True, env={**os.environ, 'PYTHONPATH': sys.argv[2]})
go('stale.txt')
say(watching.get(timeout=30))
"""
    assert cloud.client(JOB + code, cloud.places.state, ROOT) == [False, False, False]


def test_each_request_is_recorded_with_who_asked_and_counted(cloud):
    before = cloud.status()["faults"]["counts"].get("slow-network", 0)
    cloud.fault("slow-network", ms=5)
    report = wait_for(
        lambda: (r := cloud.status()["faults"])["counts"].get("slow-network", 0) == before + 1 and r
    )
    assert report["last"]["kind"] == "slow-network"
    assert "@" in report["last"]["by"]
    assert report["in_force"] == ["every request takes 5 ms more"]
    assert "fault on purpose, asked for by" in cloud.log()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("kill", "ta-none"), "0 running containers"),
        (("commit-fail", "nowhere"), "no volume 'nowhere'"),
    ],
)
def test_a_fault_of_nothing_is_refused_with_the_reason(cloud, words, why):
    result = cloud("fault", *words)
    assert result.returncode == 1
    assert why in result.stderr


def test_a_request_without_the_token_is_refused(cloud):
    code = """
import socket
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(json.dumps({'kind': 'clear', 'secret': 'wrong'}).encode() + b'\\n')
say(json.loads(connection.makefile().readline()))
"""
    answer = cloud.client(code, fault_command.control_path(cloud.places.client()))
    assert answer == {"ok": False, "said": "the token is missing or not this cloud's"}
