"""How many containers there are, and what each takes: concurrency, batches, parameters, idle ends."""

import json
from collections.abc import Iterator

import pytest
from contract_cloud import HERE, LocalCloud, make_cloud, wait_for

WIDE = """
wide = lambda name: modal.Function.from_name('wide', name)
Greeter = modal.Cls.from_name('wide', 'Greeter')
notes = modal.Dict.from_name('wide', create_if_missing=True)
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    for made in make_cloud():
        made.deploy(HERE / "wide_app.py")
        yield made


def containers(cloud: LocalCloud) -> set[str]:
    return {row["container_id"] for row in json.loads(cloud.modal("container", "list", "--json"))}


def test_a_concurrent_function_runs_inputs_side_by_side_in_one_container_while_it_has_room(cloud):
    code = """
headroom = lambda: wide('meet').get_current_stats().input_headroom
before = headroom()
calls = [wide('meet').spawn('party', n) for n in range(3)]
wait_for(lambda: headroom() == 1)
calls.append(wide('meet').spawn('party', 3))
containers = {call.get(timeout=30) for call in calls}
wait_for(lambda: headroom() == 4)
say([before, len(containers)])
"""
    assert cloud.client(WIDE + code) == [0, 1]


def test_a_batched_function_gets_what_comes_within_its_wait(cloud):
    code = "say(sorted(wide('together').map(range(6))))"
    assert cloud.client(WIDE + code) == [2, 2, 4, 4, 4, 4]


def test_a_container_is_used_again_unless_it_is_for_a_single_use(cloud):
    code = """
say([len({wide('task').remote() for _ in range(3)}), len({wide('once').remote() for _ in range(2)})])
"""
    assert cloud.client(WIDE + code) == [1, 2]


def test_each_set_of_parameters_and_options_has_containers_of_its_own(cloud):
    code = """
plain, twice = Greeter().greet.remote(), Greeter(word='bye', times=2).greet.remote()
with_secret = Greeter.with_options(secrets=[modal.Secret.from_dict({'GREETING': 'from options'})])
optional = with_secret(word='bye').greet.remote()
again = Greeter(word='bye', times=2).greet.remote()
say([plain[0], twice[0], optional[0], optional[2], again == twice, len({plain[1], twice[1], optional[1]})])
"""
    assert cloud.client(WIDE + code) == ["hello", "bye bye", "bye", "from options", True, 3]


def test_options_change_limits_of_a_call_and_not_of_others(cloud):
    code = """
Patient = Greeter.with_options(timeout=1, retries=0)
try:
    Patient().hold.spawn('impatient').get(timeout=30)
except modal.exception.FunctionTimeoutError:
    say(len(notes['impatient/starts']))
"""
    assert cloud.client(WIDE + code) == 1


def test_a_minimum_is_kept_running_and_can_be_changed(cloud):
    code = """
function = wide('task')
function.update_autoscaler(min_containers=2, max_containers=2)
wait_for(lambda: function.get_current_stats().num_total_runners == 2)
function.update_autoscaler(min_containers=0, scaledown_window=2)
wait_for(lambda: function.get_current_stats().num_total_runners == 0)
say(True)
"""
    assert cloud.client(WIDE + code)


def test_an_idle_container_ends_after_its_window(cloud):
    task_id = cloud.client(WIDE + "say(wide('leaves_soon').remote())")
    assert task_id in containers(cloud)
    wait_for(lambda: task_id not in containers(cloud))


def test_a_cancelled_input_leaves_its_container_and_a_terminated_one_does_not(cloud):
    code = """
def end(name, **how):
    call = Greeter(word=name).hold.spawn(name)
    wait_for(lambda: notes.get(name + '/starts'))
    call.cancel(**how)
    try:
        call.get(timeout=20)
    except modal.exception.RemoteError:
        pass
    after = Greeter(word=name).greet.remote()
    return [after[1] == notes[name + '/starts'][0][1], len(notes[name + '/starts'])]

say([end('stays'), end('goes', terminate_containers=True)])
"""
    assert cloud.client(WIDE + code) == [[True, 1], [False, 1]]


def test_a_run_of_an_ephemeral_app_prints_its_output_and_leaves_nothing(cloud):
    printed = cloud.modal("run", str(HERE / "wide_app.py"), "--count", "5")
    assert "sum: 10" in printed
    apps = {app["description"]: app["state"] for app in json.loads(cloud.modal("app", "list", "--json"))}
    assert apps["wide"] in ("deployed", "stopped", "ephemeral")
    assert cloud.client(WIDE + "say(wide('later_is_faster').remote(4))") == 4


def test_each_deployment_is_in_the_history(cloud):
    cloud.deploy(HERE / "wide_app.py")
    rows = json.loads(cloud.modal("app", "history", "wide", "--json"))
    assert len(rows) == 2


SCHEDULED = """
import json, os
from pathlib import Path
import modal

app = modal.App("scheduled")
bucket = modal.CloudBucketMount("images", key_prefix="small/")

@app.function(schedule=modal.Period(seconds=1), volumes={"/images": bucket}, scaledown_window=2)
def tick() -> None:
    with (Path(json.loads(os.environ["LOCAL_CLOUD_MOUNTS"])["/images"]) / "ticks").open("a") as file:
        file.write("tick\\n")
"""


def test_a_scheduled_function_calls_itself_until_its_app_stops_and_sees_its_bucket(cloud):
    path = cloud.root / "scheduled_app.py"
    path.write_text(SCHEDULED)
    cloud.deploy(path)
    ticks = cloud.places.state / "buckets" / "images" / "small" / "ticks"
    wait_for(lambda: ticks.exists() and len(ticks.read_text().splitlines()) >= 2)
    cloud.modal("app", "stop", "scheduled", "--yes")
