"""Which calls and inputs belong to one graph, however it is asked for and however large it is."""

import pytest
from modal_proto import api_pb2

from remote.local_cloud.call_graph import CallGraph, graph_of
from remote.local_cloud.calls import Calls


@pytest.fixture
def calls(store):
    return Calls(store)


def make(calls: Calls, inputs: int, parent: str = "") -> tuple[str, list[str]]:
    call_id = calls.create("fu-1", "ap-1", api_pb2.FunctionMapRequest(parent_input_id=parent))
    items = [api_pb2.FunctionPutInputsItem(idx=index) for index in range(inputs)]
    return call_id, [item.input_id for item in calls.put(call_id, items)]


def shown(graph: CallGraph) -> tuple[list[str], list[str], bool]:
    return [row["call_id"] for row in graph.calls], [row["input_id"] for row in graph.inputs], graph.truncated


def test_any_call_of_a_graph_tells_the_whole_of_it(calls, store):
    root, inputs = make(calls, 2)
    left, of_left = make(calls, 1, inputs[0])
    right, of_right = make(calls, 3, inputs[1])
    low, of_low = make(calls, 1, of_left[0])
    make(calls, 1)  # a stranger
    whole = ([root, left, right, low], inputs + of_left + of_right + of_low, False)
    assert [shown(graph_of(store.db, call)) for call in (root, left, right, low)] == [whole] * 4


def test_a_graph_that_is_cut_says_so_and_has_no_child_without_its_parent(calls, store):
    root, inputs = make(calls, 4)
    kept, of_kept = make(calls, 1, inputs[0])
    cut, of_cut = make(calls, 2, inputs[3])
    assert shown(graph_of(store.db, root, most=3)) == ([root], inputs[:3], True)
    part = [*inputs, *of_kept, of_cut[0]]
    assert shown(graph_of(store.db, root, most=6)) == ([root, kept, cut], part, True)
    assert shown(graph_of(store.db, root, most=7))[2] is False


def test_a_parent_that_nobody_knows_makes_no_graph_of_anybody_else(calls, store):
    orphan, inputs = make(calls, 1, "in-unknown")
    other, _ = make(calls, 1, "in-unknown")
    assert shown(graph_of(store.db, orphan)) == ([orphan], inputs, False)
    assert other != orphan
