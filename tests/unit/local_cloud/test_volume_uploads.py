"""What is put into a volume from outside: what it costs, what is refused, what a repeated request is told."""

import contextlib
import hashlib
import itertools
import tracemalloc
from types import SimpleNamespace

import pytest
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud import volume_uploads
from remote.local_cloud.blobs import Addition
from remote.local_cloud.rpc.area import Peer
from remote.local_cloud.rpc.volumes import VolumeRpc
from remote.local_cloud.volume_uploads import BLOCK, File
from remote.local_cloud.volumes import Volumes
from remote.local_cloud.working_copy import Committed

SHA = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def volumes(store, objects, tmp_path):
    return Volumes(store, objects, tmp_path / "working")


@pytest.fixture
def volume(volumes):
    return volumes.create("v", 2)


@pytest.fixture
def rpc(store, volumes, objects, server):
    return VolumeRpc(SimpleNamespace(store=store, volumes=volumes, contents=objects, blob_server=server))


def as_sent(path: str, data: bytes, mode: int = 0o644) -> tuple[File, list[bytes]]:
    """A file as the client cuts it, and its blocks."""
    blocks = [data[at : at + BLOCK].rstrip(b"\0") for at in range(0, len(data), BLOCK)]
    digests = [hashlib.sha256(block).digest() for block in blocks]
    sent = [api_pb2.VolumePutFiles2Request.Block(contents_sha256=digest) for digest in digests]
    return File(path=path, size=len(data), mode=mode, blocks=sent), blocks


@pytest.fixture
def put(rpc, objects, volume):
    """Put files of given contents as the client does it: ask, upload what is missing, ask again. The number
    of blocks that were missing."""

    async def put_files(files: dict[str, bytes], *, force: bool = False, mode: int = 0o644) -> int:
        cut = [as_sent(path, data, mode) for path, data in files.items()]
        request = api_pb2.VolumePutFiles2Request(
            volume_id=volume, files=[file for file, _ in cut], disallow_overwrite_existing_files=not force
        )
        missing = (await rpc.VolumePutFiles2(request, Peer())).missing_blocks
        for wanted in missing:
            block = cut[wanted.file_index][1][wanted.block_index]
            objects.put(hashlib.sha256(block).hexdigest(), block)
        if missing:
            assert not (await rpc.VolumePutFiles2(request, Peer())).missing_blocks
        return len(missing)

    return put_files


@pytest.fixture
def put_first_version(rpc, objects, volume):
    async def put_files(files: dict[str, bytes], *, force: bool = False) -> None:
        sent = []
        for path, data in files.items():
            digest = hashlib.sha256(data).hexdigest()
            objects.put(digest, data)
            sent.append(api_pb2.MountFile(filename=path, sha256_hex=digest, mode=0o644))
        request = api_pb2.VolumePutFilesRequest(
            volume_id=volume, files=sent, disallow_overwrite_existing_files=not force
        )
        await rpc.VolumePutFiles(request, Peer())

    return put_files


def tree(volumes, objects, volume) -> dict[str, bytes]:
    return {file.path: objects.path(file.sha).read_bytes() for file in volumes.files(volume)}


CONTENTS = {
    "empty": b"",
    "small": b"small",
    "ends in zeros": b"small" + bytes(100),
    "zeros": bytes(BLOCK + 1),
    "one block": b"x" * BLOCK,
    "blocks": b"a" * BLOCK + bytes(BLOCK) + b"b" * 1000 + bytes(50),
    "a hole at a block's end": b"a" * (BLOCK - 10) + bytes(10) + b"b",
}


@pytest.mark.parametrize("name", CONTENTS)
async def test_what_was_put_is_there_and_putting_it_again_succeeds_and_changes_nothing(
    name, put, volumes, objects, volume
):
    assert await put({f"folder/{name}": CONTENTS[name]}) == len(as_sent("", CONTENTS[name])[1])
    assert tree(volumes, objects, volume) == {f"folder/{name}": CONTENTS[name]}
    before = volumes.files(volume)
    assert before[0].sha == hashlib.sha256(CONTENTS[name]).hexdigest()
    assert await put({f"/folder/{name}": CONTENTS[name]}) == 0
    assert volumes.files(volume) == before


async def test_a_repeated_request_needs_no_block_to_be_there_still(put, volumes, objects, volume):
    await put({"blocks": CONTENTS["blocks"]})
    objects.delete_all_but({file.sha for file in volumes.files(volume)}, older_than=-1.0)
    assert await put({"blocks": CONTENTS["blocks"]}) == 0


async def test_of_a_request_that_has_succeeded_in_part_the_rest_is_put(put, volumes, objects, volume):
    await put({"small": b"small"})
    await put({"new": b"new", "small": b"small", "newer": b"newer"})
    assert tree(volumes, objects, volume) == {"new": b"new", "newer": b"newer", "small": b"small"}


DIFFERENT = {
    "contents": ({"f": b"other"}, 0o644),
    "contents of another size": ({"f": b"another"}, 0o644),
    "zeros at the end": ({"f": b"first\0"}, 0o644),
    "mode": ({"f": b"first"}, 0o755),
    "a directory": ({"folder": b"first"}, 0o644),
    "one of two": ({"new": b"new", "f": b"other"}, 0o644),
    "a later block": ({"long": CONTENTS["blocks"][:-60] + b"c" * 10 + bytes(50)}, 0o644),
}


@pytest.mark.parametrize("what", DIFFERENT)
async def test_something_else_is_refused_where_a_file_is_unless_it_is_forced(
    what, put, volumes, objects, volume
):
    files, mode = DIFFERENT[what]
    await put({"f": b"first", "folder/in it": b"first", "long": CONTENTS["blocks"]})
    before = tree(volumes, objects, volume)
    with pytest.raises(GRPCError, match="exists already") as refused:
        await put(files, mode=mode)
    assert refused.value.status is Status.ALREADY_EXISTS
    assert tree(volumes, objects, volume) == before
    await put(files, mode=mode, force=True)
    assert tree(volumes, objects, volume).items() >= files.items()


async def test_a_refused_file_is_refused_before_its_blocks_are_uploaded(rpc, put, volume):
    await put({"f": b"first"})
    file, _ = as_sent("f", b"never uploaded")
    request = api_pb2.VolumePutFiles2Request(
        volume_id=volume, files=[file], disallow_overwrite_existing_files=True
    )
    with pytest.raises(GRPCError, match="exists already"):
        await rpc.VolumePutFiles2(request, Peer())


@pytest.mark.parametrize("other", [b"first", b"other"])
async def test_what_came_while_blocks_were_put_together_is_not_overwritten(
    other, put, volumes, objects, volume, monkeypatch
):
    for data in (b"first", other):
        objects.put(hashlib.sha256(data).hexdigest(), data)
    taken, looks = volume_uploads.taken, itertools.count()

    def come_before_the_second_look(db, volume_id, paths):
        if next(looks) == 1:
            sha = hashlib.sha256(other).hexdigest()
            volumes.put(volume, [Committed("f", sha, len(other), 0.0, 0o644)])
        return taken(db, volume_id, paths)

    monkeypatch.setattr(volume_uploads, "taken", come_before_the_second_look)
    with contextlib.nullcontext() if other == b"first" else pytest.raises(GRPCError, match="exists already"):
        await put({"f": b"first"})
    assert next(looks) == 2
    assert tree(volumes, objects, volume) == {"f": other}


async def test_version_1_refuses_and_accepts_the_same(put_first_version, volumes, objects, volume):
    await put_first_version({"f": b"first", "folder/f": b"first"})
    await put_first_version({"f": b"first", "new": b"new"})
    for files in ({"f": b"other"}, {"folder": b"first"}):
        with pytest.raises(GRPCError, match="exists already") as refused:
            await put_first_version(files)
        assert refused.value.status is Status.ALREADY_EXISTS
    assert tree(volumes, objects, volume) == {"f": b"first", "folder/f": b"first", "new": b"new"}
    await put_first_version({"f": b"other"}, force=True)
    assert tree(volumes, objects, volume)["f"] == b"other"


async def test_the_last_of_two_files_of_one_path_is_put_also_by_the_repeated_request(
    rpc, objects, volumes, volume
):
    files = []
    for data in (b"one", b"two"):
        objects.put(hashlib.sha256(data).hexdigest(), data)
        files.append(as_sent("f", data)[0])
    request = api_pb2.VolumePutFiles2Request(
        volume_id=volume, files=files, disallow_overwrite_existing_files=True
    )
    for _ in range(2):
        assert not (await rpc.VolumePutFiles2(request, Peer())).missing_blocks
    assert tree(volumes, objects, volume) == {"f": b"two"}


@pytest.mark.parametrize("name", ["VolumePutFiles", "VolumePutFiles2"])
async def test_the_check_costs_what_is_put_and_not_what_the_volume_holds(name, rpc, store, volumes, objects):
    """Counted in SQLite's own steps, by hundreds, and in statements."""
    steps, statements = [], []
    objects.put(SHA, b"")
    for held in (10, 5_000):
        volume = volumes.create(f"holds {held}", 2)
        volumes.put(volume, [Committed(f"held/{n}", SHA, 0, 0.0, 0o644) for n in range(held)])
        one = as_sent("", b"")[0]
        paths = [f"held/x{n}" for n in range(50)]
        if name == "VolumePutFiles2":
            sent = [File(path=path, size=0, blocks=one.blocks) for path in paths]
            request = api_pb2.VolumePutFiles2Request(volume_id=volume, files=sent)
        else:
            sent = [api_pb2.MountFile(filename=path, sha256_hex=SHA) for path in paths]
            request = api_pb2.VolumePutFilesRequest(volume_id=volume, files=sent)
        request.disallow_overwrite_existing_files = True
        counted, said = itertools.count(), []
        store.db.set_progress_handler(lambda counted=counted: next(counted) and 0, 100)
        store.db.set_trace_callback(said.append)
        await getattr(rpc, name)(request, Peer())
        store.db.set_progress_handler(None, 0)
        store.db.set_trace_callback(None)
        steps.append(next(counted))
        statements.append(len([text for text in said if text.lstrip().startswith("SELECT")]))
        assert len(volumes.files(volume)) == held + 50
    assert max(statements) <= 4
    assert steps[1] < 2 * steps[0]


async def test_a_large_file_is_never_held_in_memory(rpc, volumes, objects, volume, monkeypatch):
    data = b"".join(bytes([n]) * BLOCK for n in range(1, 5)) + b"end"
    largest, add = [], Addition.add

    class Noting:
        def __init__(self, file):
            self._file = file

        def read(self, size):
            piece = self._file.read(size)
            largest.append(len(piece))
            return piece

    monkeypatch.setattr(Addition, "add", lambda self, file: add(self, Noting(file)))
    file, blocks = as_sent("large", data)
    for block in blocks:
        objects.put(hashlib.sha256(block).hexdigest(), block)
    request = api_pb2.VolumePutFiles2Request(volume_id=volume, files=[file])
    tracemalloc.start()
    try:
        assert not (await rpc.VolumePutFiles2(request, Peer())).missing_blocks
        assert tracemalloc.get_traced_memory()[1] < BLOCK
    finally:
        tracemalloc.stop()
    assert max(largest) <= BLOCK // 8
    assert tree(volumes, objects, volume) == {"large": data}


async def test_a_file_of_one_whole_block_is_not_read_again(put, volumes, objects, volume, monkeypatch):
    monkeypatch.setattr(Addition, "add", lambda *given: pytest.fail("it is stored already"))
    await put({"small": b"small", "block": CONTENTS["one block"]})
    assert tree(volumes, objects, volume) == {"small": b"small", "block": CONTENTS["one block"]}


async def test_a_block_that_is_gone_puts_nothing_and_leaves_nothing(objects, tmp_path):
    file, blocks = as_sent("f", CONTENTS["blocks"])
    objects.put(hashlib.sha256(blocks[0]).hexdigest(), blocks[0])
    with pytest.raises(FileNotFoundError):
        volume_uploads.put_together(objects, {"f": file})
    assert [path.name for path in (tmp_path / "objects").glob("*/*")] == [
        hashlib.sha256(blocks[0]).hexdigest()
    ]
    assert not [path for path in (tmp_path / "objects").iterdir() if path.is_file()]
