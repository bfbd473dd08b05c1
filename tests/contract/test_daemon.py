"""The daemon may die at any instant: nothing that it has answered is lost, nothing happens twice."""

import contextlib
import sqlite3
import time

import psutil
from contract_cloud import wait_for

JOB = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
"""


def test_a_call_whose_daemon_was_killed_is_found_in_the_same_container_afterwards(cloud):
    call_id = cloud.client(JOB + "say(Job.wait.spawn('survives').object_id)")
    cloud.client(JOB + "say(bool(wait_for(lambda: notes.get('survives/starts'))))")
    cloud.kill()
    cloud.up()
    code = "go('survives'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(JOB + code, call_id) == 1


def test_a_container_that_died_with_the_daemon_gives_its_input_to_another(cloud):
    """The negative control of the adoption: the process is gone, so it must not be waited for."""
    code = """
call = Job.wait.spawn('dies-too')
wait_for(lambda: notes.get('dies-too/starts'))
say([call.object_id, notes['dies-too/starts'][0]])
"""
    call_id, task_id = cloud.client(JOB + code)
    cloud.kill()
    cloud.kill_container(task_id)
    cloud.up()
    code = "go('dies-too'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(JOB + code, call_id) == 2


def test_a_call_goes_on_after_the_cloud_was_taken_down_and_up(cloud):
    call_id = cloud.client(JOB + "say(Job.wait.spawn('paused').object_id)")
    cloud.client(JOB + "say(bool(wait_for(lambda: notes.get('paused/starts'))))")
    assert cloud("down").returncode == 0
    assert not containers_of(cloud)
    cloud.up()
    code = "go('paused'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(JOB + code, call_id) == 2


def test_down_also_ends_the_containers_of_a_daemon_that_was_killed(cloud):
    cloud.client(JOB + "Job.wait.spawn('orphan'); say(bool(wait_for(lambda: notes.get('orphan/starts'))))")
    cloud.kill()
    assert containers_of(cloud)
    assert "stopped" in cloud("down").stdout
    assert not containers_of(cloud)
    cloud.up()
    cloud.client(JOB + "go('orphan'); say(True)")


def test_a_result_is_gone_after_seven_days_and_its_bytes_with_it(cloud):
    """The days are made by setting back what the daemon wrote down. A result that the daemon has not seen
    grow old is there, also after the restart."""
    code = """
def state(call):
    try:
        value = call.get(timeout=0)
    except modal.exception.OutputExpiredError:
        return 'expired'
    return len(value)

calls = [modal.FunctionCall.from_id(call_id) for call_id in sys.argv[1:]]
say([[state(call), call.get_call_graph()[0].status.name] for call in calls])
"""
    spawned = "call = Job.echo.spawn(b'x' * 3_000_000); call.get(timeout=30); say(call.object_id)"
    old = cloud.client(JOB + spawned)
    cloud.kill()
    cloud.up()
    wait_for(lambda: cloud.row("SELECT 1 FROM output_looks WHERE entry=(SELECT max(entry) FROM outputs)"))
    young = cloud.client(JOB + spawned)
    assert cloud.client(code, old, young) == [[3_000_000, "SUCCESS"]] * 2
    blobs = cloud.places.state / "blobs"
    before = len(list(blobs.glob("*/bl-*")))
    cloud.kill()
    with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
        db.execute("UPDATE output_looks SET at=at-?", (8 * 24 * 3600,))
        db.commit()
    cloud.up()
    wait_for(lambda: len(list(blobs.glob("*/bl-*"))) == before - 2)
    assert cloud.client(code, old, young) == [["expired", "SUCCESS"], [3_000_000, "SUCCESS"]]


def test_a_wrong_token_is_refused(cloud):
    code = """
try:
    modal.Dict.from_name('sample').len()
except modal.exception.AuthError as error:
    say(str(error))
"""
    right = cloud.environment["MODAL_TOKEN_SECRET"]
    cloud.environment["MODAL_TOKEN_SECRET"] = "as-wrong"
    try:
        assert "token" in cloud.client(code)
    finally:
        cloud.environment["MODAL_TOKEN_SECRET"] = right


def test_sockets_and_state_are_closed_to_other_users(cloud):
    sockets = cloud.places.sockets()
    private = [sockets, cloud.places.state, *cloud.places.state.iterdir(), *sockets.iterdir()]
    assert len(private) > 10
    assert [path for path in private if path.lstat().st_mode & 0o077] == []


def test_what_is_not_implemented_says_so_by_name_and_is_counted(cloud):
    result = cloud.run_modal("environment", "create", "x")
    assert result.returncode != 0
    assert "EnvironmentCreate is not implemented by the local cloud" in result.stdout + result.stderr
    deadline = time.monotonic() + 20
    while "EnvironmentCreate" not in cloud.status()["unimplemented"]:
        assert time.monotonic() < deadline


def test_one_directory_has_one_daemon(cloud):
    result = cloud("serve")
    assert result.returncode == 1
    assert "another local cloud serves" in result.stderr


def containers_of(cloud) -> list[int]:
    """Pids of containers of this very cloud."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "environ"]):
        environment = process.info["environ"] or {}
        if str(cloud.root) in environment.get("MODAL_SERVER_URL", ""):
            found += [process.pid] if "modal._container_entrypoint" in (process.info["cmdline"] or []) else []
    return found
