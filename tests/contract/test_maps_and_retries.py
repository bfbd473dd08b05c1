"""Many inputs at once, and who tries a failed one again: the client that waits, or the cloud."""

from collections.abc import Iterator

import pytest
from contract_cloud import HERE, LocalCloud, make_cloud

WIDE = """
wide = lambda name: modal.Function.from_name('wide', name)
notes = modal.Dict.from_name('wide', create_if_missing=True)
"""
MAP = """
count = int(sys.argv[1])
results = list(wide('every_twentieth_fails').map(range(count), return_exceptions=True))
good = {n: result for n, result in enumerate(results) if isinstance(result, list)}
bad = {n: str(result) for n, result in enumerate(results) if isinstance(result, ValueError)}
right = all(value[0] == n * n for n, value in good.items()) and all(bad[n] == f'{n} fails' for n in bad)
say([len(results), len(good), sorted(bad), right, len({value[1] for value in good.values()})])
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    for made in make_cloud():
        made.deploy(HERE / "wide_app.py")
        yield made


def test_of_a_thousand_inputs_with_one_in_twenty_failing_each_is_accounted_for(cloud):
    count = 1000
    failing = [n for n in range(count) if n % 20 == 7]
    total, good, bad, right, containers = cloud.client(WIDE + MAP, count)
    assert (total, good, bad, right) == (count, count - len(failing), failing, True)
    assert 2 <= containers <= 8


def test_a_map_without_return_exceptions_ends_at_the_first_failure(cloud):
    code = """
seen = []
try:
    for result in wide('every_twentieth_fails').map(range(10)):
        seen.append(result[0])
except ValueError as error:
    say([seen, str(error)])
"""
    seen, words = cloud.client(WIDE + code)
    assert words == "7 fails"
    assert seen == [n * n for n in range(7)][: len(seen)]


def test_results_come_in_order_or_as_they_are_ready_and_starmap_spreads_its_arguments(cloud):
    code = """
inputs = [(n, 10) for n in range(20)]
ordered = list(wide('later_is_faster').starmap(inputs))
unordered = list(wide('later_is_faster').starmap(inputs, order_outputs=False))
keyword = list(wide('later_is_faster').map(range(3), kwargs={'factor': 2}))
say([ordered, sorted(unordered), keyword])
"""
    tens = [10 * n for n in range(20)]
    assert cloud.client(WIDE + code) == [tens, tens, [0, 2, 4]]


def test_a_client_that_waits_tries_again_itself(cloud):
    """The client's own path: each try is asked for by it, so the cloud keeps the input's last failure."""
    code = """
first = wide('fail').remote('waits', 1)
try:
    wide('fail').remote('waits-in-vain', 9)
except ValueError as error:
    say([first, str(error), len(notes['waits-in-vain/starts'])])
"""
    assert cloud.client(WIDE + code) == [2, "start 3 fails", 3]


def test_the_cloud_tries_again_for_a_client_that_has_left(cloud):
    call_id = cloud.client(WIDE + "say(wide('fail').spawn('left', 1).object_id)")
    code = "say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(code, call_id) == 2


def test_inputs_of_a_map_are_tried_again_each_for_itself(cloud):
    code = "say(list(wide('fail').starmap([('m1', 1), ('m2', 0), ('m3', 2)])))"
    assert cloud.client(WIDE + code) == [2, 1, 3]


def test_inputs_that_nobody_waits_for_are_all_run(cloud):
    code = """
wide('fail').spawn_map([f'all-{n}' for n in range(5)], [0] * 5)
wait_for(lambda: all(notes.get(f'all-{n}/starts') for n in range(5)))
say(True)
"""
    assert cloud.client(WIDE + code)


def test_a_generator_yields_more_than_a_message_holds_in_order(cloud):
    code = "say(list(wide('count_up').remote_gen(500)) == list(range(500)))"
    assert cloud.client(WIDE + code)
