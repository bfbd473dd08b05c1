"""Preemptions: an interrupt, a grace, a kill, and the same input again in another container."""

import pytest

JOB = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
"""


def test_a_stopped_container_is_interrupted_and_its_input_goes_on_in_another(cloud):
    code = """
call = Job.resume.spawn('stopped')
wait_for(lambda: notes.get('stopped/written'))
task = notes['stopped/starts'][0]
subprocess.run([sys.executable, '-m', 'modal', 'container', 'stop', task, '--yes'], check=True)
result = call.get(timeout=30)
lines = [entry.message for entry in call.logs.fetch()]
say([result, len(set(notes['stopped/starts'])), lines])
"""
    result, containers, lines = cloud.client(JOB + code)
    assert result == {"kept": "kept", "lost": False}
    assert containers == 2
    assert "exit hook\n" in lines
    assert any("worker preemption" in line for line in lines)


def test_preemptions_use_no_retry(cloud):
    code = """
call = Job.wait.spawn('unlucky')
wait_for(lambda: notes.get('unlucky/starts'))
for _ in range(3):
    task = notes['unlucky/starts'][-1]
    subprocess.run([sys.executable, '-m', 'modal', 'container', 'stop', task, '--yes'], check=True)
    wait_for(lambda: notes['unlucky/starts'][-1] != task)
go('unlucky')
say(call.get(timeout=30))
"""
    retries_allowed = 2
    assert cloud.client(JOB + code) == 4 > retries_allowed + 1


@pytest.mark.parametrize(("ask", "starts"), [(True, 2), (False, 1)])
def test_a_container_is_preempted_when_it_asks_for_it_and_only_then(cloud, ask, starts):
    code = "say(Job.ask_preemption.spawn(sys.argv[1], 5.0, sys.argv[1] == 'True').get(timeout=30))"
    assert cloud.client(JOB + code, ask) == starts


def test_a_container_that_does_not_heed_the_interrupt_is_killed_after_the_grace(cloud):
    code = """
result = Job.outlive.spawn('stubborn', 0.3).get(timeout=30)
say([result, notes['stubborn/interrupted']])
"""
    assert cloud.client(JOB + code) == [2, True]


@pytest.mark.parametrize(
    ("fail", "outcomes"), [(True, ["RuntimeError", "committed"]), (False, ["committed", "committed"])]
)
def test_a_commit_fails_once_when_it_was_asked_to_and_only_then(cloud, fail, outcomes):
    code = "say(Job.commit.spawn('fault-' + sys.argv[1], sys.argv[1] == 'True').get(timeout=30))"
    seen = cloud.client(JOB + code, fail)
    assert [outcome == "committed" for outcome in seen] == [outcome == "committed" for outcome in outcomes]
