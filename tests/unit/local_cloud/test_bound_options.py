"""Bound variants of a function keep their options over redeploys; the same options are the same variant."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from modal_proto import api_pb2

from remote.local_cloud.apps import Apps
from remote.local_cloud.store import Store

DEPLOYED = api_pb2.APP_STATE_DEPLOYED
METHODS = ("fit", "evaluate")
NONE = api_pb2.FunctionOptions()
OPTIONS = api_pb2.FunctionOptions(
    timeout_secs=86400,
    retry_policy=api_pb2.FunctionRetryPolicy(retries=10),
    resources=api_pb2.Resources(gpu_config=api_pb2.GPUConfig(gpu_type="H100", count=1)),
    secret_ids=["st-options"],
    replace_secret_ids=True,
    volume_mounts=[api_pb2.VolumeMount(volume_id="vo-options", mount_path="/options")],
    concurrency_limit=2,
)


@pytest.fixture
def apps(store):
    return Apps(store)


def deploy(apps: Apps, app_id: str, **fields: object) -> str:
    """A class service with a definition of these fields; its id."""
    handle = api_pb2.FunctionHandleMetadata(function_name="Trainer.*")
    function_id = apps.reserve_function(app_id, "Trainer.*", "", handle)
    definition = api_pb2.Function(function_name="Trainer.*", **fields)  # type: ignore[arg-type]
    for method in METHODS:
        definition.method_definitions[method].function_name = method
    apps.define_function(function_id, definition, handle, api_pb2.FunctionData(function_name="Trainer.*"))
    request = api_pb2.AppPublishRequest(app_id=app_id, name="app", app_state=DEPLOYED)
    request.function_ids["Trainer.*"] = function_id
    apps.publish(request)
    return function_id


def bind(apps: Apps, base_id: str, options: api_pb2.FunctionOptions, params: bytes = b"parameters") -> str:
    return apps.bind(apps.function(base_id), params, options)


def shown(apps: Apps, function_id: str) -> tuple[object, ...]:
    function = apps.function(function_id)
    definition = function.definition
    return (
        definition.image_id,
        definition.timeout_secs,
        function.retry.retries,
        definition.resources.gpu_config.gpu_type,
        list(definition.secret_ids),
        [mount.volume_id for mount in definition.volume_mounts],
        apps.scaling(function).maximum,
    )


def as_another_process_wrote_it(store: Store, function_id: str, methods: Iterable[str]) -> None:
    """The same definition with the entries of its map in this order."""
    row = store.db.execute("SELECT definition FROM functions WHERE function_id=?", (function_id,)).fetchone()
    definition = api_pb2.Function.FromString(row["definition"])
    entries = dict(definition.method_definitions)
    definition.ClearField("method_definitions")
    written = definition.SerializeToString()
    for method in methods:
        written += api_pb2.Function(method_definitions={method: entries[method]}).SerializeToString()
    store.db.execute("UPDATE functions SET definition=? WHERE function_id=?", (written, function_id))


V1 = {"image_id": "im-1", "timeout_secs": 300, "secret_ids": ["st-1"]}
V2 = {
    "image_id": "im-2",
    "timeout_secs": 600,
    "secret_ids": ["st-2"],
    "volume_mounts": [api_pb2.VolumeMount(volume_id="vo-2", mount_path="/new")],
    "retry_policy": api_pb2.FunctionRetryPolicy(retries=1),
}
BOUND_V1 = ("im-1", 86400, 10, "H100", ["st-options"], ["vo-options"], 2)
BOUND_V2 = ("im-2", 86400, 10, "H100", ["st-options"], ["vo-2", "vo-options"], 2)


def test_a_redeploy_keeps_the_options_of_a_variant_and_takes_over_what_is_new_in_the_base(apps):
    app_id = apps.create("app", DEPLOYED)
    base_id = deploy(apps, app_id, **V1)
    bound = bind(apps, base_id, OPTIONS)
    assert shown(apps, bound) == BOUND_V1
    assert deploy(apps, app_id, **V2) == base_id
    assert shown(apps, bound) == BOUND_V2
    assert shown(apps, base_id) == ("im-2", 600, 1, "", ["st-2"], ["vo-2"], 8)
    assert bind(apps, base_id, OPTIONS) == bound


def test_a_rollback_and_the_way_back_keep_them_too(apps):
    app_id = apps.create("app", DEPLOYED)
    base_id = deploy(apps, app_id, **V1)
    deploy(apps, app_id, **V2)
    bound = bind(apps, base_id, OPTIONS)
    apps.roll_back(app_id)
    assert shown(apps, bound) == BOUND_V1
    apps.roll_back(app_id)
    assert shown(apps, bound) == BOUND_V2
    apps.roll_over(app_id)
    assert shown(apps, bound) == BOUND_V2


def test_variants_of_one_base_keep_each_its_own(apps):
    app_id = apps.create("app", DEPLOYED)
    base_id = deploy(apps, app_id, **V1)
    plain = bind(apps, base_id, NONE)
    short = bind(apps, base_id, api_pb2.FunctionOptions(timeout_secs=5))
    as_the_base = bind(apps, base_id, api_pb2.FunctionOptions(timeout_secs=300))
    other = bind(apps, base_id, api_pb2.FunctionOptions(timeout_secs=5), b"other")
    assert len({base_id, plain, short, as_the_base, other}) == 5
    deploy(apps, app_id, **V2)
    timeouts = [apps.function(f).definition.timeout_secs for f in (plain, short, as_the_base, other)]
    assert timeouts == [600, 5, 300, 5]
    assert shown(apps, plain) == shown(apps, base_id)


def test_a_redeploy_ends_the_overridden_scaling_of_a_variant_and_leaves_that_of_its_options(apps):
    app_id = apps.create("app", DEPLOYED)
    base_id = deploy(apps, app_id, **V1)
    bound = bind(apps, base_id, OPTIONS)
    apps.override_autoscaler(bound, api_pb2.AutoscalerSettings(min_containers=1, max_containers=5))
    assert (apps.scaling(apps.function(bound)).minimum, apps.scaling(apps.function(bound)).maximum) == (1, 5)
    deploy(apps, app_id, **V2)
    assert (apps.scaling(apps.function(bound)).minimum, apps.scaling(apps.function(bound)).maximum) == (0, 2)


@pytest.mark.parametrize("methods", [METHODS, METHODS[::-1]])
@pytest.mark.parametrize("options", [NONE, OPTIONS], ids=["plain", "options"])
@pytest.mark.parametrize("older", [False, True])
def test_the_same_options_are_one_variant_for_the_next_daemon(tmp_path: Path, methods, options, older):
    store = Store(tmp_path / "cloud.db")
    apps = Apps(store)
    app_id = apps.create("app", DEPLOYED)
    base_id = deploy(apps, app_id, **V1)
    bound = bind(apps, base_id, options)
    as_another_process_wrote_it(store, bound, methods)
    if older:
        store.db.execute("DROP TABLE bound_options")  # as before options were kept
    store.close()
    store = Store(tmp_path / "cloud.db")
    apps = Apps(store)
    assert [bind(apps, base_id, options) for _ in range(2)] == [bound, bound]
    deploy(apps, app_id, **V2)
    assert shown(apps, bound) == (BOUND_V2 if options is OPTIONS else shown(apps, base_id))
    store.close()


def test_a_variant_of_the_time_before_is_not_taken_for_other_options(apps, store):
    base_id = deploy(apps, apps.create("app", DEPLOYED), **V1)
    bound = bind(apps, base_id, OPTIONS)
    store.db.execute("DELETE FROM bound_options")
    assert bound not in (bind(apps, base_id, NONE), bind(apps, base_id, OPTIONS, b"other"))


def test_a_definition_is_stored_as_the_same_bytes_whatever_the_order_of_its_methods(apps, store):
    app_id, stored = apps.create("app", DEPLOYED), []
    names = [f"method_{number}" for number in range(20)]
    for order in (names, names[::-1]):
        definition = api_pb2.Function(function_name="Trainer.*")
        handle, data = api_pb2.FunctionHandleMetadata(), api_pb2.FunctionData()
        for name in order:
            definition.method_definitions[name].function_name = name
            handle.method_handle_metadata[name].function_name = name
            data.method_definitions[name].function_name = name
        function_id = apps.reserve_function(app_id, "Trainer.*", "", handle)
        apps.define_function(function_id, definition, handle, data)
        stored.append(tuple(store.db.execute("SELECT definition, handle, data FROM functions").fetchone()))
    assert stored[0] == stored[1]
