"""Versions of an app: an earlier one comes back as it was, and a version is refused with the reason."""

import pytest
from modal_proto import api_pb2

from remote.local_cloud.apps import Apps
from remote.local_cloud.deployments import VersionError

DEPLOYED = api_pb2.APP_STATE_DEPLOYED


@pytest.fixture
def apps(store):
    return Apps(store)


def deploy(apps: Apps, app_id: str, **timeouts: int) -> dict[str, str]:
    """Functions by name, each with a timeout of its own; their ids."""
    request = api_pb2.AppPublishRequest(app_id=app_id, name="app", app_state=DEPLOYED, client_version="1.6")
    for name, seconds in timeouts.items():
        handle = api_pb2.FunctionHandleMetadata(function_name=name)
        function_id = apps.reserve_function(app_id, name, "", handle)
        definition = api_pb2.Function(function_name=name, timeout_secs=seconds)
        apps.define_function(function_id, definition, handle, api_pb2.FunctionData(function_name=name))
        request.function_ids[name] = function_id
    apps.publish(request)
    return dict(request.function_ids)


def shown(apps: Apps, app_id: str) -> dict[str, int]:
    return {f.name: f.definition.timeout_secs for f in apps.functions_of(app_id)}


def test_an_earlier_version_comes_back_with_all_its_functions_and_no_other(apps):
    app_id = apps.create("app", DEPLOYED)
    first = deploy(apps, app_id, one=10, two=20)
    second = deploy(apps, app_id, two=21, three=30)
    assert first["two"] == second["two"]
    assert shown(apps, app_id) == {"two": 21, "three": 30}
    bound = apps.bind(apps.function(first["two"]), b"parameters", api_pb2.FunctionOptions())
    apps.roll_back(app_id)
    assert shown(apps, app_id) == {"one": 10, "two": 20}
    assert apps.function(bound).definition.timeout_secs == 20
    assert apps.published("app", "functions", "three") is None
    apps.roll_back(app_id, 2)
    assert shown(apps, app_id) == {"two": 21, "three": 30}


def test_the_previous_version_is_the_one_before_also_after_a_rollback(apps):
    app_id = apps.create("app", DEPLOYED)
    for seconds in (1, 2):
        deploy(apps, app_id, one=seconds)
    shows = []
    for _ in range(3):
        apps.roll_back(app_id)
        shows.append(shown(apps, app_id)["one"])
    assert shows == [1, 2, 1]
    requests = [api_pb2.AppPublishRequest.FromString(r["request"]) for r in apps.deployments.history(app_id)]
    assert [request.rollback_version for request in requests] == [3, 2, 1, 0, 0]


def test_equal_definitions_are_kept_once(apps, store):
    app_id = apps.create("app", DEPLOYED)
    for seconds in (1, 2, 1, 2):
        deploy(apps, app_id, one=seconds, two=5)
    assert store.db.execute("SELECT count(*) FROM deployed_definitions").fetchone()[0] == 3


def test_a_version_that_cannot_come_back_is_refused_and_nothing_changes(apps, store):
    app_id = apps.create("app", DEPLOYED)
    deploy(apps, app_id, one=1)
    with pytest.raises(VersionError, match="v0 of this app was never deployed"):
        apps.roll_back(app_id)
    deploy(apps, app_id, one=2)
    store.db.execute("DELETE FROM deployed_versions WHERE version=1")  # as before versions were kept
    with pytest.raises(VersionError, match="v1 of this app was deployed before versions were kept"):
        apps.roll_back(app_id)
    assert shown(apps, app_id) == {"one": 2}
    assert [row["version"] for row in apps.deployments.history(app_id)] == [2, 1]


def test_an_app_of_a_run_has_a_history_and_no_versions(apps, store):
    app_id = apps.create("app", api_pb2.APP_STATE_EPHEMERAL)
    apps.publish(api_pb2.AppPublishRequest(app_id=app_id, app_state=api_pb2.APP_STATE_EPHEMERAL))
    assert len(apps.deployments.history(app_id)) == 1
    assert store.db.execute("SELECT count(*) FROM deployed_versions").fetchone()[0] == 0
