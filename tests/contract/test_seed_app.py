"""The trainer class of the notes that this project began with does what its comments say.

The cloud has one warm spare, commits in the background, and scales retry delays down.
"""

import itertools
import json
from collections.abc import Iterator

import pytest
from contract_cloud import HERE, LocalCloud, make_cloud, wait_for

SCALE = 0.05
SEED = """
Trainer = modal.Cls.from_name('seed', 'AdvancedTrainer')
trainer = Trainer()
batches = modal.Function.from_name('seed', 'train_on_batch')
notes = modal.Dict.from_name('seed', create_if_missing=True)
volume = modal.Volume.from_name('seed', create_if_missing=True, version=2)
"""
HOOKS = ["heavy_initialization", "gpu_initialization", "final_setup"]


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    settings = {"SPARES": "1", "COMMIT_SECONDS": "0.5", "TIME_SCALE": str(SCALE)}
    for made in make_cloud(**{f"LOCAL_CLOUD_{name}": value for name, value in settings.items()}):
        made.deploy(HERE / "seed_app.py")
        yield made


def test_the_hooks_run_in_order_in_two_stages_and_once_for_two_calls(cloud):
    wait_for(lambda: json.loads(cloud.places.status_file.read_text())["spares_ready"])
    code = "asked = time.time(); first, second = trainer.train.remote(), trainer.train.remote()\n"
    asked, first, second = cloud.client(SEED + code + "say([asked, first, second])")
    assert [name for name, _ in first["hooks"]] == HOOKS
    moments = dict(first["hooks"])
    assert first["start"] == "warm_spare"
    assert moments["heavy_initialization"] < asked < moments["gpu_initialization"]
    assert (first["calls"], second["calls"]) == (1, 2)
    assert (second["task"], second["hooks"]) == (first["task"], first["hooks"])


def test_a_preempted_container_runs_its_exit_hook_and_the_input_resumes_elsewhere(cloud):
    code = """
call = trainer.train_until.spawn('run')
first = wait_for(lambda: notes.get('run'))
subprocess.run([sys.executable, '-m', 'modal', 'container', 'stop', first, '--yes'], check=True)
result = call.get(timeout=30)
lines = [entry.message for entry in call.logs.fetch()]
say([result, first != result['task'], 'cleanup\\n' in lines])
"""
    result, moved, cleaned_up = cloud.client(SEED + code)
    assert result["resumed_from"] == 3
    assert moved
    assert cleaned_up


def test_retries_wait_1_2_4_8_16_times_as_long_and_then_give_up(cloud):
    code = """
call = modal.Function.from_name('seed', 'resilient_training').spawn('resilient')
try:
    call.get(timeout=40)
except ValueError as error:
    say([str(error), notes['resilient/starts']])
"""
    words, starts = cloud.client(SEED + code)
    assert words == "training fails"
    waits = [after - before for before, after in itertools.pairwise(starts)]
    assert len(waits) == 5
    assert all(wait >= SCALE * 2**k for k, wait in enumerate(waits))


def test_a_map_gives_all_results_and_exceptions_or_ends_at_the_first(cloud):
    code = """
results = list(batches.map([1, 2, 3], return_exceptions=True))
try:
    list(batches.map([1, 2, 3]))
except ValueError as error:
    say([[str(result) for result in results], str(error), notes['batch/2']])
"""
    results, words, tries = cloud.client(SEED + code)
    assert results == ["10", "batch 2 failed", "30"]
    assert words == "batch 2 failed"
    assert tries == 2 * 2


def test_what_nobody_commits_is_committed_in_the_background(cloud):
    code = """
call = modal.Function.from_name('seed', 'write_and_wait').spawn('background')
wait_for(lambda: notes.get('background'))
wait_for(lambda: 'background' in [entry.path for entry in volume.listdir('/')])
go('background')
say(call.get(timeout=30))
"""
    assert cloud.client(SEED + code) is None
