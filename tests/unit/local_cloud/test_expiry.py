"""Results that are seven days old are dropped; how their calls ended stays known."""

import pytest
from modal_proto import api_pb2

from remote.local_cloud import expiry as expiry_module
from remote.local_cloud.call_graph import graph_of
from remote.local_cloud.calls import Calls, Result
from remote.local_cloud.expiry import KEPT_SECONDS, Expiry

SUCCESS = Result.GENERIC_STATUS_SUCCESS
START = 1_000_000.0
MINUTE = 60.0


@pytest.fixture
def calls(store):
    return Calls(store)


@pytest.fixture
def expiry(calls, store):
    return Expiry(store)


def ended(calls: Calls, *, arguments: str = "", data: str = "") -> str:
    call_id = calls.create("fu-1", "ap-1", api_pb2.FunctionMapRequest())
    given = api_pb2.FunctionInput(args_blob_id=arguments) if arguments else api_pb2.FunctionInput(args=b"x")
    calls.put(call_id, [api_pb2.FunctionPutInputsItem(idx=0, input=given)])
    taken = calls.take("fu-1", "ta-1", START)
    result = Result(status=SUCCESS, data_blob_id=data) if data else Result(status=SUCCESS, data=b"y")
    output = api_pb2.FunctionPutOutputsItem(input_id=taken.input_id, result=result)
    calls.put_output("ta-1", output, START)
    return call_id


def results(calls: Calls, call_id: str) -> int:
    return len(calls.outputs.by_index(call_id, 0, None, 10))


def payload(calls: Calls, call_id: str) -> bytes:
    return calls.input(calls.inputs_of(call_id)[0].input_id).payload


def look(expiry: Expiry, now: float) -> list[str]:
    return [blob for blobs in expiry.look(now) for blob in blobs]


def test_a_result_is_kept_for_seven_days_and_dropped_at_the_next_look(calls, expiry):
    call_id = ended(calls)
    look(expiry, START)
    look(expiry, START + KEPT_SECONDS)
    assert results(calls, call_id) == 1
    look(expiry, START + KEPT_SECONDS + MINUTE)
    assert results(calls, call_id) == 0
    assert calls.outputs.after(call_id, 0, 10)[0] == []
    assert payload(calls, call_id) == b""


def test_a_later_result_is_as_old_as_itself(calls, expiry):
    first = ended(calls)
    look(expiry, START)
    second = ended(calls)
    look(expiry, START + MINUTE)
    look(expiry, START + KEPT_SECONDS + MINUTE)
    assert (results(calls, first), results(calls, second)) == (0, 1)
    look(expiry, START + KEPT_SECONDS + 2 * MINUTE)
    assert results(calls, second) == 0


def test_how_a_call_ended_stays_known(calls, expiry, store):
    call_id = ended(calls)
    look(expiry, START)
    look(expiry, START + KEPT_SECONDS + MINUTE)
    assert [row["status"] for row in graph_of(store.db, call_id).inputs] == [SUCCESS]
    assert calls.outputs.counts(call_id) == {SUCCESS: 1}
    assert calls.unfinished(call_id) == 0


def test_blobs_of_arguments_and_results_are_named_once(calls, expiry):
    ended(calls, arguments="bl-in", data="bl-out")
    look(expiry, START)
    assert look(expiry, START + KEPT_SECONDS + MINUTE) == ["bl-in", "bl-out"]
    assert look(expiry, START + KEPT_SECONDS + 2 * MINUTE) == []


def test_what_is_not_done_keeps_its_arguments(calls, expiry):
    ended(calls)
    call_id = calls.create("fu-1", "ap-1", api_pb2.FunctionMapRequest())
    given = api_pb2.FunctionInput(args_blob_id="bl-waits")
    calls.put(call_id, [api_pb2.FunctionPutInputsItem(idx=0, input=given)])
    look(expiry, START)
    assert look(expiry, START + 2 * KEPT_SECONDS) == []
    assert payload(calls, call_id) == given.SerializeToString()


def test_many_go_some_at_a_time_and_all(calls, expiry, monkeypatch):
    monkeypatch.setattr(expiry_module, "AT_ONCE", 2)
    made = [ended(calls) for _ in range(5)]
    look(expiry, START)
    assert len(list(expiry.look(START + KEPT_SECONDS + MINUTE))) == 3
    assert [results(calls, call_id) for call_id in made] == [0] * 5


def test_a_result_from_before_results_had_an_age_is_as_old_as_the_first_look(calls, store):
    call_id = ended(calls)
    late = Expiry(store)
    look(late, START)
    assert results(calls, call_id) == 1
    look(late, START + KEPT_SECONDS + MINUTE)
    assert results(calls, call_id) == 0
