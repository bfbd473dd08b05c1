"""Deploying: again while a call runs, from a package, code that cannot start, and warm spares."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_cloud import ROOT, LocalCloud, make_cloud, wait_for

APP = """
import os, time
import modal

app = modal.App("versions")
notes = modal.Dict.from_name("versions", create_if_missing=True)

@app.cls(enable_memory_snapshot=True, scaledown_window=60)
class Versions:
    @modal.enter(snap=True)
    def load(self) -> None:
        self.loaded_by = os.getpid()

    @modal.enter(snap=False)
    def prepare(self) -> None:
        self.task = os.environ["MODAL_TASK_ID"]

    @modal.method()
    def version(self, name: str = "") -> list:
        if name:
            notes[name] = True
            while not notes.get(name + "/go"):
                time.sleep(0.02)
        return [{version}, os.environ["MODAL_LOCAL_START"], self.task]
"""
OPTIONAL_APP = """
import os, time
import modal

app = modal.App("optional")
notes = modal.Dict.from_name("optional", create_if_missing=True)

@app.cls(timeout=1, startup_timeout=60, retries=0)
class Optional:
    @modal.method()
    def work(self, name: str) -> list:
        tries = notes[name] = notes.get(name, 0) + 1
        while not notes.get(name + "/go"):
            time.sleep(0.02)
        if tries == 1:
            raise RuntimeError("the first try fails")
        return [{version}, os.environ.get("WORD")]
"""
BROKEN_IN_CONTAINER = """
import modal
app = modal.App("broken")
if not modal.is_local():
    import a_package_that_is_nowhere

@app.function(serialized=False)
def never() -> None:
    pass
"""
VERSIONS = """
Versions = modal.Cls.from_name('versions', 'Versions')()
notes = modal.Dict.from_name('versions', create_if_missing=True)
"""


def deploy_version(cloud: LocalCloud, version: int) -> None:
    path = cloud.root / "versions_app.py"
    path.write_text(APP.format(version=version))
    cloud.deploy(path)


def test_a_running_call_keeps_its_code_and_the_next_gets_the_new(cloud):
    deploy_version(cloud, 1)
    code = "call = Versions.version.spawn('old'); wait_for(lambda: notes.get('old')); say(call.object_id)"
    running = cloud.client(VERSIONS + code)
    deploy_version(cloud, 2)
    code = """
new = Versions.version.spawn().get(timeout=30)
notes['old/go'] = True
old = modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30)
newer = Versions.version.spawn().get(timeout=30)
say([new[0], old[0], newer[0]])
"""
    assert cloud.client(VERSIONS + code, running) == [2, 1, 2]


def test_a_redeploy_leaves_a_call_the_options_that_it_was_made_with(cloud):
    """Its timeout while it runs on, its retries and its environment when it is tried again."""
    optional = "Optional = modal.Cls.from_name('optional', 'Optional')\n"
    optional += "notes = modal.Dict.from_name('optional', create_if_missing=True)\n"
    path = cloud.root / "optional_app.py"
    path.write_text(OPTIONAL_APP.format(version=1))
    cloud.deploy(path)
    code = """
retries = modal.Retries(max_retries=1, initial_delay=0.0)
Patient = Optional.with_options(timeout=300, retries=retries, env={'WORD': 'from options'})
call = Patient().work.spawn('patient')
wait_for(lambda: notes.get('patient'))
say(call.object_id)
"""
    patient = cloud.client(optional + code)
    path.write_text(OPTIONAL_APP.format(version=2))
    cloud.deploy(path)
    code = """
try:
    Optional().work.spawn('impatient').get(timeout=30)
except modal.exception.FunctionTimeoutError:
    notes['patient/go'] = True
    say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))
"""
    assert cloud.client(optional + code, patient) == [2, "from options"]


def test_a_rollback_deploys_what_an_earlier_version_was_while_calls_go_on(cloud):
    for version in (10, 20):
        deploy_version(cloud, version)
    cloud.kill()
    cloud.up()
    code = "call = Versions.version.spawn('late'); wait_for(lambda: notes.get('late')); say(call.object_id)"
    running = cloud.client(VERSIONS + code)
    assert "Deployment rollback successful" in cloud.modal("app", "rollback", "versions")
    code = """
new = Versions.version.spawn().get(timeout=30)
notes['late/go'] = True
say([new[0], modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30)[0]])
"""
    assert cloud.client(VERSIONS + code, running) == [10, 20]


def test_a_rollback_to_a_named_version_is_a_deployment_of_its_own_in_the_history(cloud):
    path = cloud.root / "versions_app.py"
    for version in (30, 40):
        path.write_text(APP.format(version=version))
        cloud.modal("deploy", str(path), "--tag", f"tag-{version}")
    (newest,) = cloud.row("SELECT version FROM apps WHERE name='versions'")
    cloud.modal("app", "rollback", "versions", f"v{newest - 1}", "--strategy", "recreate")
    assert cloud.client(VERSIONS + "say(Versions.version.spawn().get(timeout=30)[0])") == 30
    refused = cloud.run_modal("app", "rollback", "versions", "v99")
    assert refused.returncode != 0
    assert "v99 of this app was never deployed" in refused.stdout + refused.stderr
    rows = json.loads(cloud.modal("app", "history", "versions", "--json"))
    assert [row["version"] for row in rows] == [f"v{number}" for number in range(newest + 1, 0, -1)]
    assert [row["tag"] for row in rows[:3]] == ["tag-30", "tag-40", "tag-30"]


def test_the_history_names_the_commit_that_was_deployed_and_whether_it_was_changed(cloud):
    repository = cloud.root / "repository"
    repository.mkdir()
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    path = repository / "versions_app.py"
    path.write_text(APP.format(version=60))
    (repository / ".gitignore").write_text("__pycache__\n")
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout[:7]
    cloud.modal("deploy", path.name, directory=repository)
    path.write_text(APP.format(version=61))
    cloud.modal("deploy", path.name, directory=repository)
    rows = json.loads(cloud.modal("app", "history", "versions", "--json"))
    assert [row["commit"] for row in rows[:2]] == [f"{head}*", head]


@pytest.mark.parametrize("strategy", ["rolling", "recreate"])
def test_a_rollover_replaces_containers_without_a_change(cloud, strategy):
    deploy_version(cloud, 50)
    before = cloud.client(VERSIONS + "say(Versions.version.spawn().get(timeout=30))")
    assert "Rollover completed" in cloud.modal("app", "rollover", "versions", "--strategy", strategy)
    after = cloud.client(VERSIONS + "say(Versions.version.spawn().get(timeout=30))")
    assert (before[0], after[0]) == (50, 50)
    assert after[2] != before[2]
    rows = json.loads(cloud.modal("app", "history", "versions", "--json"))
    assert int(rows[0]["version"][1:]) == int(rows[1]["version"][1:]) + 1


def test_a_rollover_leaves_running_calls_alone(cloud):
    code = "call = Versions.version.spawn('over'); wait_for(lambda: notes.get('over')); say(call.object_id)"
    running = cloud.client(VERSIONS + code)
    cloud.modal("app", "rollover", "versions")
    code = """
new = Versions.version.spawn().get(timeout=30)
notes['over/go'] = True
old = modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30)
newer = Versions.version.spawn().get(timeout=30)
say([new[2] != old[2], newer[2] == new[2]])
"""
    assert cloud.client(VERSIONS + code, running) == [True, True]


def test_code_that_cannot_be_loaded_fails_its_calls_instead_of_starting_for_ever(cloud):
    path = cloud.root / "broken_app.py"
    path.write_text(BROKEN_IN_CONTAINER)
    cloud.deploy(path)
    code = """
call = modal.Function.from_name('broken', 'never').spawn()
try:
    call.get(timeout=30)
except Exception as error:
    say([type(error).__name__, str(error), call.get_call_graph()[0].status.name])
"""
    name, words, status = cloud.client(code)
    assert status == "INIT_FAILURE"
    assert "a_package_that_is_nowhere" in words, (name, words)


def test_a_module_of_a_package_is_deployed_with_its_package_and_nothing_installed(cloud):
    (cloud.root / "ours" / "inner").mkdir(parents=True)
    for folder in ("ours", "ours/inner"):
        (cloud.root / folder / "__init__.py").touch()
    (cloud.root / "ours" / "words.py").write_text("WORD = 'imported'\n")
    (cloud.root / "ours" / "inner" / "app.py").write_text(
        "import modal\nimport msgspec, textual\nfrom ours.words import WORD\napp = modal.App('packaged')\n\n"
        "@app.function()\ndef word() -> list:\n"
        "    import ours.words\n    return [WORD, ours.words.__file__]\n"
    )
    cloud.modal("deploy", "-m", "ours.inner.app")
    word, where = cloud.client("say(modal.Function.from_name('packaged', 'word').spawn().get(timeout=30))")
    mounts = cloud.places.state / "mounts"
    assert word == "imported"
    assert Path(where).is_relative_to(mounts)
    tops = {path.parent.name for path in mounts.glob("*/*/__init__.py")}
    assert "ours" in tops
    assert not tops & {"msgspec", "textual", "modal"}


def test_our_own_trainer_app_is_deployed_as_a_module_without_its_heavy_parts(cloud):
    cloud.modal("deploy", "-m", "remote.trainer_app", directory=ROOT)
    copied = {path.name for mount in (cloud.places.state / "mounts").iterdir() for path in mount.iterdir()}
    assert "remote" in copied
    assert not copied & {"torch", "transformers", "wandb", "modal"}


@pytest.fixture(scope="module")
def sparing() -> Iterator[LocalCloud]:
    yield from make_cloud(LOCAL_CLOUD_SPARES="1")


def spare_is_ready(cloud: LocalCloud) -> bool:
    return bool(json.loads(cloud.places.status_file.read_text())["spares_ready"])


def test_a_warm_spare_takes_the_call_and_says_that_it_is_one(sparing):
    deploy_version(sparing, 1)
    wait_for(lambda: spare_is_ready(sparing))
    code = """
warm = Versions.version.spawn('warm')
wait_for(lambda: notes.get('warm'))
cold = Versions.version.spawn().get(timeout=30)
notes['warm/go'] = True
say([warm.get(timeout=30), cold])
"""
    warm, cold = sparing.client(VERSIONS + code)
    assert (warm[1], cold[1]) == ("warm_spare", "cold")
    assert warm[2] != cold[2]


def test_a_spare_of_old_code_is_replaced_and_never_used(sparing):
    deploy_version(sparing, 7)
    assert sparing.client(VERSIONS + "say(Versions.version.spawn().get(timeout=30)[0])") == 7
    deploy_version(sparing, 8)
    assert sparing.client(VERSIONS + "say(Versions.version.spawn().get(timeout=30)[0])") == 8


def test_without_spares_nothing_is_started_before_a_call(cloud):
    deploy_version(cloud, 3)
    wait_for(lambda: time.time() - json.loads(cloud.places.status_file.read_text())["at"] < 0.5)
    assert not spare_is_ready(cloud)
