"""Further tries that a client asks for, and apps whose client is gone."""

import pytest
from modal_proto import api_pb2

from remote.local_cloud import apps as apps_module
from remote.local_cloud.apps import Apps
from remote.local_cloud.calls import SYNC, Calls, Result
from remote.local_cloud.input_tokens import input_of_token, input_token

FAILED = Result(status=Result.GENERIC_STATUS_FAILURE)


@pytest.fixture
def calls(store):
    return Calls(store)


def failed_once(calls: Calls, invocation: int) -> tuple[str, str]:
    request = api_pb2.FunctionMapRequest(function_call_invocation_type=invocation)
    call_id = calls.create("fu-1", "ap-1", request)
    calls.put(call_id, [api_pb2.FunctionPutInputsItem(idx=0)])
    taken = calls.take("fu-1", "ta-1", 0.0)
    output = api_pb2.FunctionPutOutputsItem(input_id=taken.input_id, result=FAILED)
    calls.put_output("ta-1", output, 0.0)
    return call_id, taken.input_id


def test_a_try_that_is_asked_for_again_is_one_try(calls):
    call_id, input_id = failed_once(calls, SYNC)
    assert len(calls.outputs.by_index(call_id, 0, None, 10)) == 1
    calls.retry([(input_id, 1)])
    assert calls.outputs.by_index(call_id, 0, None, 10) == []
    taken = calls.take("fu-1", "ta-2", 0.0)
    assert taken.state.retry_count == 1
    calls.retry([(input_id, 1)])
    assert calls.take("fu-1", "ta-3", 0.0) is None


def test_the_output_of_an_earlier_try_is_not_taken_for_a_later_one(calls):
    call_id, input_id = failed_once(calls, SYNC)
    calls.retry([(input_id, 0)])
    calls.take("fu-1", "ta-1", 0.0)
    late = api_pb2.FunctionPutOutputsItem(input_id=input_id, result=FAILED, retry_count=0)
    calls.put_output("ta-1", late, 0.0)
    assert calls.outputs.by_index(call_id, 0, None, 10) == []


def test_a_cancelled_call_has_no_further_try(calls):
    call_id, input_id = failed_once(calls, SYNC)
    calls.mark_cancelled(call_id)
    calls.retry([(input_id, 0)])
    assert calls.take("fu-1", "ta-2", 0.0) is None
    assert len(calls.outputs.by_index(call_id, 0, None, 10)) == 1


def test_a_read_by_cursor_sees_the_output_of_a_later_try(calls):
    call_id, input_id = failed_once(calls, SYNC)
    _, cursor = calls.outputs.after(call_id, 0, 10)
    calls.retry([(input_id, 1)])
    calls.take("fu-1", "ta-1", 0.0)
    done = Result(status=Result.GENERIC_STATUS_SUCCESS)
    calls.put_output(
        "ta-1", api_pb2.FunctionPutOutputsItem(input_id=input_id, result=done, retry_count=1), 0.0
    )
    items, _ = calls.outputs.after(call_id, cursor, 10)
    assert [(item.result.status, item.retry_count) for item in items] == [(done.status, 1)]


def test_what_waits_and_what_runs_is_counted_apart(calls):
    call_id = calls.create("fu-1", "ap-1", api_pb2.FunctionMapRequest())
    calls.put(call_id, [api_pb2.FunctionPutInputsItem(idx=n) for n in range(5)])
    calls.take("fu-1", "ta-1", 0.0)
    assert calls.waiting(0.0) == {"fu-1": 4}
    assert [item.idx for item in calls.running()] == [0]
    assert calls.count_open() == 5


def test_a_token_names_its_input_and_nothing_else_does():
    assert input_of_token(input_token("in-1", 7)) == "in-1"
    for wrong in ("", "in-1", "a.b.c", "..", "e30.e30."):
        with pytest.raises(ValueError, match="names no input"):
            input_of_token(wrong)


def test_an_app_whose_client_is_silent_for_long_is_abandoned_unless_it_is_deployed(store, monkeypatch):
    apps = Apps(store)
    run = apps.create("run", api_pb2.APP_STATE_EPHEMERAL)
    apps.create("kept", api_pb2.APP_STATE_DEPLOYED)
    apps.create("detached", api_pb2.APP_STATE_DETACHED)
    assert apps.abandoned() == []
    monkeypatch.setattr(apps_module, "HEARTBEAT_LOST_SECONDS", -1.0)
    assert apps.abandoned() == [run]
