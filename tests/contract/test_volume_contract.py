"""A volume between containers, the client and the command line."""

import json

import pytest

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


FILLED = """
import io
volume = lambda name: modal.Volume.from_name(name)

def fill(name, version):
    modal.Volume.objects.create(name, version=version)
    with volume(name).batch_upload() as batch:
        for path in ('a.txt', 'b.txt', 'logs/one', 'logs/deep/two'):
            batch.put_file(io.BytesIO(path.encode()), path)

def tree(name):
    files = [entry.path for entry in volume(name).listdir('/', recursive=True) if entry.type.name == 'FILE']
    return {path: b''.join(volume(name).read_file(path)).decode() for path in files}

def command(*words):
    done = subprocess.run([sys.executable, '-m', 'modal', 'volume', *words], capture_output=True, text=True)
    return done.returncode == 0 or done.stdout + done.stderr
"""
ORIGINAL = {path: path for path in ("a.txt", "b.txt", "logs/one", "logs/deep/two")}


@pytest.mark.parametrize("version", [1, 2])
def test_files_are_copied_inside_a_volume_as_cp_does_it(cloud, version):
    code = """
name, version = f'copied-{sys.argv[1]}', int(sys.argv[1])
fill(name, version)
done = command('cp', name, 'a.txt', 'c.txt')
for sources, target in ((['/b.txt'], '/c.txt'), (['a.txt', 'b.txt'], 'kept'), (['a.txt'], 'logs')):
    volume(name).copy_files(sources, target)
say([done, tree(name)])
"""
    kept = {"c.txt": "b.txt", "kept/a.txt": "a.txt", "kept/b.txt": "b.txt", "logs/a.txt": "a.txt"}
    assert cloud.client(FILLED + code, version) == [True, ORIGINAL | kept]


def test_a_directory_is_copied_recursively_or_not_at_all(cloud):
    code = """
fill('recursive', 2)
refused, before = command('cp', 'recursive', 'logs', 'again'), tree('recursive')
done = command('cp', '-r', 'recursive', 'logs', 'again')
volume('recursive').copy_files(['logs'], 'again', recursive=True)
say([refused, before, done, tree('recursive')])
"""
    refused, before, done, after = cloud.client(FILLED + code)
    assert "'logs' is a directory" in refused
    assert (before, done) == (ORIGINAL, True)
    once = {"again/one": "logs/one", "again/deep/two": "logs/deep/two"}
    twice = {"again/logs/one": "logs/one", "again/logs/deep/two": "logs/deep/two"}
    assert after == ORIGINAL | once | twice


def test_a_copy_that_is_refused_changes_nothing(cloud):
    code = """
fill('refused', 2)
found = []
for sources, target in json.loads(sys.argv[1]):
    try:
        volume('refused').copy_files(sources, target, recursive=True)
    except Exception as error:
        found.append(type(error).__name__)
say([found, tree('refused')])
"""
    wishes = [
        (["a.txt", "missing"], "kept"),
        (["a.txt"], "../outside"),
        (["a.txt", "b.txt"], "logs/one"),
        (["logs"], "logs/deep"),
        (["logs"], "a.txt"),
        (["a.txt"], "/a.txt"),
        (["a.txt", "./a.txt"], "kept"),
    ]
    errors = ["NotFoundError", *["InvalidError"] * 6]
    assert cloud.client(FILLED + code, json.dumps(wishes)) == [errors, ORIGINAL]


def test_a_renamed_volume_keeps_its_files_and_leaves_its_old_name_free(cloud):
    code = """
fill('before', 2)
modal.Volume.objects.create('taken')
refused, done = command('rename', 'before', 'taken', '--yes'), command('rename', 'before', 'after', '--yes')
try:
    volume('before').listdir('/')
except modal.exception.NotFoundError as error:
    missing = str(error)
modal.Volume.objects.create('before')
say([refused, done, missing, tree('after'), tree('before')])
"""
    refused, done, missing, after, before = cloud.client(FILLED + code)
    assert "exists already" in refused
    assert (done, after, before) == (True, ORIGINAL, {})
    assert "before" in missing
