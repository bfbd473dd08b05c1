"""A volume between containers, the client and the command line."""

JOB = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
volume = modal.Volume.from_name('sample')
names = lambda: [entry.path for entry in volume.listdir('/', recursive=True)]
"""


def test_a_write_is_seen_by_others_only_after_the_commit_and_their_reload(cloud):
    code = """
watching = Job.see.spawn('shared.txt')
wait_for(lambda: notes.get('shared.txt/looked'))
before = 'shared.txt' in names()
Job.commit.spawn('shared.txt', False).get(timeout=30)
after = 'shared.txt' in names()
go('shared.txt')
say([before, after, watching.get(timeout=30)])
"""
    assert cloud.client(JOB + code) == [False, True, [False, False, True]]


def test_what_a_killed_container_did_not_commit_is_gone(cloud):
    code = """
call = Job.resume.spawn('killed')
wait_for(lambda: notes.get('killed/written'))
say([call.object_id, notes['killed/starts'][0]])
"""
    call_id, task_id = cloud.client(JOB + code)
    cloud.kill_container(task_id)
    code = "say([modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30), sorted(names())])"
    result, names = cloud.client(JOB + code, call_id)
    assert result == {"kept": "kept", "lost": False}
    assert "killed-kept" in names
    assert "killed-lost" not in names


def test_a_reload_fails_while_a_file_is_open_and_not_afterwards(cloud):
    code = "say(Job.reload_with_an_open_file.spawn('open.txt').get(timeout=30))"
    failed, succeeded = cloud.client(JOB + code)
    assert "there are open files preventing the operation" in failed
    assert succeeded == "reloaded"


def test_files_go_up_and_down_by_the_command_line(cloud, tmp_path):
    source = tmp_path / "up.bin"
    source.write_bytes(b"\x00middle\x00" * 100_000 + b"\x00" * 5_000_000)
    cloud.modal("volume", "put", "sample", str(source), "/folder/up.bin")
    assert "folder/up.bin" in cloud.modal("volume", "ls", "sample", "folder")
    cloud.modal("volume", "get", "sample", "folder/up.bin", str(tmp_path / "down.bin"))
    assert (tmp_path / "down.bin").read_bytes() == source.read_bytes()
    cloud.modal("volume", "rm", "sample", "folder", "-r")
    assert "folder" not in cloud.modal("volume", "ls", "sample")
