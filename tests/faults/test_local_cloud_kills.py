"""The local cloud's daemon is killed again and again under load: nothing that it has answered is lost, and
nothing happens twice. A client writes and spawns without a pause, another maps, a container commits."""

import contextlib
import random
import sqlite3
import time
from collections.abc import Iterator

import pytest

from remote.local_cloud import processes
from tests.contract.contract_cloud import HERE, LocalCloud, make_cloud, wait_for

JOB = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
"""
HAMMER = """
import contextlib
until, name = time.monotonic() + float(sys.argv[1]), sys.argv[2]
entries = modal.Dict.from_name(name, create_if_missing=True)
written, calls, spawns = [], [], 0

def again(action):
    while True:
        with contextlib.suppress(Exception):
            return action()

n = 0
while time.monotonic() < until:
    n += 1
    key, mine = f'{n:06d}', os.urandom(8)
    again(lambda: entries.put(key, mine, skip_if_exists=True))
    written.append([key, mine.hex()])
    if n % 40 == 1:
        spawns += 1
        with contextlib.suppress(Exception):
            call = square.spawn(n) if spawns % 2 else single_use.echo.spawn(n * n)
            calls.append([n, call.object_id])
stored = {key: value.hex() for key, value in again(lambda: dict(entries.items())).items()}
results = [[n, again(lambda: modal.FunctionCall.from_id(call_id).get(timeout=40))] for n, call_id in calls]
say({'written': written, 'stored': stored, 'results': results, 'spawns': spawns})
"""
FUNCTIONS = """
square = modal.Function.from_name('sample', 'square')
single_use = modal.Cls.from_name('sample', 'Job')()
"""
MAP = """
square = modal.Function.from_name('sample', 'square')
until, maps = time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < until or not maps:
    try:
        results = list(square.map(range(20)))
    except (modal.exception.Error, AttributeError):
        continue  # the client gives up after a second or two without a daemon; grpclib loses its transport
    assert results == [n * n for n in range(20)]
    maps += 1
say(maps)
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    for made in make_cloud():
        made.deploy(HERE / "sample_app.py")
        yield made


def count(cloud: LocalCloud, query: str) -> int:
    with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
        return int(db.execute(query).fetchone()[0])


def strays(cloud: LocalCloud) -> set[str]:
    """Directories of containers that nobody looks after, in which a process still works."""
    working = {name for _, name in processes.working_below(cloud.places.containers)}
    with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
        known = {row[0] for row in db.execute("SELECT task_id FROM tasks WHERE finished_at IS NULL")}
    return working - known


def what_was_said(cloud: LocalCloud, call_id: str) -> str:
    """By its containers and of them: the evidence if a call has started more than once."""
    with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
        lines = db.execute(
            "SELECT task_id, data FROM logs WHERE call_id=? ORDER BY entry", (call_id,)
        ).fetchall()
        tasks = {task_id for task_id, _ in lines}
        ends = [row for row in db.execute("SELECT task_id, ended FROM tasks") if row[0] in tasks]
    return "\n".join(f"{task_id} {text}" for task_id, text in [*lines, *ends])


def tally(cloud: LocalCloud) -> dict[str, int]:
    """What the cloud has seen up to now, other seeds included."""
    counted = {
        "calls": "SELECT count(*) FROM calls",
        "inputs": "SELECT count(*) FROM inputs",
        "done": "SELECT count(*) FROM inputs WHERE status='done'",
        "containers": "SELECT count(*) FROM tasks",
    }
    strays_met = cloud.log().count("that no row tells of")
    return {what: count(cloud, query) for what, query in counted.items()} | {"starts unrecorded": strays_met}


def hammer_and_kill(cloud: LocalCloud, seed: int, kills: int) -> None:
    chance, seen_before = random.Random(seed), tally(cloud)
    functions = "(SELECT function_id FROM functions WHERE name IN ('square', 'Job.*'))"
    spawned = f"SELECT count(*) FROM calls WHERE function_id IN {functions} AND invocation=3"
    name = f"long-{seed}"
    code = JOB + "say(Job.commit_often.spawn(sys.argv[1], int(sys.argv[2])).object_id)"
    long_call = cloud.client(code, name, 40 * kills)
    before = count(cloud, spawned)
    client = cloud.start(FUNCTIONS + HAMMER, 1.8 * kills, f"hammer-{seed}")
    mapper = cloud.start(MAP, 1.8 * kills)
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.0))
        cloud.kill()
        cloud.up()
    seen = client.result()
    assert dict(seen["written"]) == seen["stored"]
    assert len(seen["written"]) > 20
    assert all(result == n * n for n, result in seen["results"])
    assert count(cloud, spawned) - before <= seen["spawns"]
    assert mapper.result() > 0
    code = "say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=60))"
    assert cloud.client(code, long_call) == [40 * kills, 1], what_was_said(cloud, long_call)
    assert count(cloud, "SELECT count(*) FROM inputs WHERE status='running'") == 0
    wait_for(lambda: not strays(cloud))
    new = {what: n - seen_before[what] for what, n in tally(cloud).items()}
    print(f"seed {seed}: {kills} kills; " + ", ".join(f"{n} {what}" for what, n in new.items()))


def test_a_daemon_that_is_killed_under_load_loses_and_doubles_nothing(cloud):
    hammer_and_kill(cloud, seed=1, kills=3)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(2, 17))
def test_three_hundred_kills_lose_and_double_nothing(cloud, seed):
    hammer_and_kill(cloud, seed=seed, kills=20)
