"""A call is found in the call graph wherever it stands, and a map is told from a training."""

import pytest
from modal.types import InputInfo, InputStatus

from tui_app.watcher.calls import CallInfo
from tui_app.watcher.inference import CallState
from tui_app.watcher.modal_calls import in_graph


def node(call: str, status: InputStatus, *children: InputInfo, task: str = "ta-1") -> InputInfo:
    return InputInfo(f"in-{call}", call, task, status, "Trainer.*", "trainer", list(children))


def test_a_call_that_another_call_made_is_found_below_it() -> None:
    inner = node("fc-inner", InputStatus.SUCCESS, task="ta-2")
    graph = [node("fc-outer", InputStatus.PENDING, node("fc-other", InputStatus.FAILURE), inner)]
    found = CallInfo(state=CallState.SUCCESS, task_id="ta-2", function="Trainer.*")
    assert in_graph("fc-inner", graph) == found
    assert in_graph("fc-outer", graph).state is CallState.PENDING


def test_a_call_without_an_input_yet_waits() -> None:
    assert in_graph("fc-1", []) == CallInfo(state=CallState.PENDING)


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ((InputStatus.SUCCESS, InputStatus.PENDING, InputStatus.FAILURE), CallState.PENDING),
        ((InputStatus.SUCCESS, InputStatus.FAILURE, InputStatus.SUCCESS), CallState.FAILURE),
        ((InputStatus.SUCCESS, InputStatus.SUCCESS), CallState.SUCCESS),
    ],
)
def test_a_map_is_pending_while_one_input_is_and_then_as_bad_as_the_worst(
    statuses: tuple[InputStatus, ...], state: CallState
) -> None:
    found = in_graph("fc-1", [node("fc-1", status) for status in statuses])
    assert (found.state, found.inputs) == (state, len(statuses))
