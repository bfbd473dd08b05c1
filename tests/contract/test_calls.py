"""Calls through the unmodified client: retries, crashes, time limits, cancelling, results, logs."""

from contract_cloud import wait_for

JOB = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
"""


def test_a_failed_call_is_tried_again_until_it_succeeds(cloud):
    result = cloud.client(JOB + "say(Job.fail.spawn('fails', 2).get(timeout=30))")
    assert result == 3


def test_a_call_that_used_up_its_retries_raises_what_the_last_try_raised(cloud):
    code = """
try:
    Job.fail.spawn('hopeless', 9).get(timeout=30)
except ValueError as error:
    say([str(error), len(notes['hopeless/starts'])])
"""
    assert cloud.client(JOB + code) == ["start 3 fails", 3]


def test_a_container_that_dies_gives_its_input_to_another_without_using_a_retry(cloud):
    result = cloud.client(JOB + "say([Job.crash.spawn('dies', 2).get(timeout=30), notes['dies/starts']])")
    assert result[0] == 3
    assert len(set(result[1])) == 3


def test_a_container_that_commits_begins_a_new_row_of_crashes(cloud):
    """So a long training is not ended for having been killed eight times in a day."""
    standing = "SELECT crashes, task_id FROM inputs WHERE call_id=?"
    call_id = cloud.client(JOB + "say(Job.commit_often.spawn('keeps', 200).object_id)")
    first = wait_for(lambda: cloud.row(standing, call_id)[1])
    cloud.kill_container(first)
    again = wait_for(lambda: (row := cloud.row(standing, call_id))[1] not in (None, first) and row)
    assert again[0] == 1
    wait_for(lambda: cloud.row(standing, call_id)[0] == 0)
    assert cloud.row(standing, call_id)[1] == again[1]
    code = "say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=40)[0])"
    assert cloud.client(code, call_id) == 200


def test_a_running_call_is_found_by_id_and_has_no_result_yet(cloud):
    code = """
call = modal.FunctionCall.from_id(Job.wait.spawn('found').object_id)
wait_for(lambda: notes.get('found/starts'))
try:
    call.get(timeout=0)
except TimeoutError:
    early = True
graph = call.get_call_graph()[0]
go('found')
say([early, call.get(timeout=20), graph.task_id == notes['found/starts'][0], graph.status.name])
"""
    assert cloud.client(JOB + code) == [True, 1, True, "PENDING"]


def test_calls_made_in_a_container_are_the_children_of_the_input_that_made_them(cloud):
    tell = """
call = modal.FunctionCall.from_id(sys.argv[1])
tell = lambda node: [node.function_name, node.status.name, [tell(child) for child in node.children]]
top = call.get_call_graph()
child = modal.FunctionCall.from_id(top[0].children[0].function_call_id)
say([[tell(node) for node in top], child.get_call_graph() == top])
"""
    code = "call = modal.Function.from_name('sample', 'family').spawn(1)\n"
    call_id, result = cloud.client(code + "say([call.object_id, call.get(timeout=40)])")
    assert result == [4, 9]
    children = [["square", "SUCCESS", []]] * 2
    tree = ["family", "SUCCESS", [["family", "SUCCESS", children]]]
    assert cloud.client(tell, call_id) == [[tree], True]
    cloud.kill()
    cloud.up()
    assert cloud.client(tell, call_id) == [[tree], True]


def test_calls_from_outside_are_in_no_graph_but_their_own(cloud):
    code = """
square = modal.Function.from_name('sample', 'square')
calls = [square.spawn(n) for n in range(2)]
[call.get(timeout=30) for call in calls]
say([[node.function_call_id == call.object_id for node in call.get_call_graph()] for call in calls])
"""
    assert cloud.client(code) == [[True], [True]]


def test_a_cancelled_call_ends_and_is_not_tried_again(cloud):
    code = """
call = Job.wait.spawn('cancelled')
wait_for(lambda: 'start 1 of cancelled' in ''.join(entry.message for entry in call.logs.fetch()))
call.cancel()
try:
    call.get(timeout=20)
except Exception as error:
    name = type(error).__name__
say([name, len(notes['cancelled/starts']), call.get_call_graph()[0].status.name])
"""
    name, starts, status = cloud.client(JOB + code)
    assert (name, starts, status) == ("RemoteError", 1, "TERMINATED")


def test_a_timeout_is_a_failure_that_each_try_can_have_anew(cloud):
    code = """
slow = modal.Function.from_name('sample', 'too_slow')
call = slow.spawn('slow')
try:
    call.get(timeout=30)
except modal.exception.FunctionTimeoutError as error:
    say(len(notes['slow/starts']))
"""
    assert cloud.client(JOB + code) == 2


def test_map_gives_every_result_in_order(cloud):
    code = "say(list(modal.Function.from_name('sample', 'square').map(range(30))))"
    assert cloud.client(code) == [n * n for n in range(30)]


def test_a_generator_yields_its_values(cloud):
    assert cloud.client("say(list(modal.Function.from_name('sample', 'numbers').remote_gen(5)))") == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_arguments_and_results_too_large_for_a_message_come_through_whole_or_in_parts(cloud):
    code = """
from modal._utils import blob_utils
parts, upload = [], blob_utils.perform_multipart_upload

async def noted(*arguments, **named):
    parts.append(len(named['part_urls']))
    return await upload(*arguments, **named)

blob_utils.perform_multipart_upload = noted
data = [os.urandom(size) for size in (900_000, 3_500_000)]
say([[Job.echo.spawn(each).get(timeout=30) == each for each in data], parts])
"""
    assert cloud.client(JOB + code) == [[True, True], [4]]


def test_what_a_call_prints_is_in_its_logs_and_on_the_command_line(cloud):
    code = """
go('talks')
call = Job.wait.spawn('talks')
call.get(timeout=20)
wanted = {('stdout', 'start 1 of talks'), ('stderr', 'to stderr')}
lines = lambda: {(entry.source, entry.message.rstrip()) for entry in call.logs.fetch()}
wait_for(lambda: lines() >= wanted)
say([call.object_id, notes['talks/starts'][0]])
"""
    call_id, task_id = cloud.client(JOB + code)
    assert "start 1 of talks" in cloud.modal("app", "logs", "sample", "--function-call", call_id)
    assert "start 1 of talks" in cloud.modal("container", "logs", task_id)


def test_a_log_stream_started_early_gets_lines_as_they_are_printed(cloud):
    code = """
call = Job.wait.spawn('streams')
wait_for(lambda: notes.get('streams/starts'))
for entry in call.logs.stream(timeout=20):
    if 'start 1 of streams' in entry.message:
        break
go('streams')
say(call.get(timeout=20))
"""
    assert cloud.client(JOB + code) == 1


def test_a_container_sees_no_token_and_nothing_else_of_who_started_the_cloud(cloud):
    seen = cloud.client(JOB + "say(Job.environment.spawn().get(timeout=20))")
    assert "MODAL_TOKEN_SECRET" not in seen
    assert "XDG_RUNTIME_DIR" not in seen
    assert seen["MODAL_LOCAL_START"] == "cold"
    assert seen["MODAL_CONFIG_PATH"] == str(cloud.places.state / "modal.toml")
