"""Objects, signed links, uploaded source code and output files."""

import hashlib

import aiohttp
import pytest
from modal_proto import api_pb2

from remote.local_cloud.blob_server import BlobServer
from remote.local_cloud.ids import new_id
from remote.local_cloud.logs import STDOUT, LogFilter, Logs, LogTail, Origin
from remote.local_cloud.source_mounts import SourceMounts


async def status(method: str, url: str, body: bytes = b"") -> int:
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body) as answer:
        return answer.status


@pytest.mark.parametrize("name", ["../../etc/passwd", "bl-short", "", "A" * 64, "0" * 63 + "/"])
def test_a_name_that_is_no_objects_is_refused(objects, name):
    with pytest.raises(ValueError, match="not the name"):
        objects.path(name)


async def test_a_link_allows_its_method_on_its_object_and_nothing_else(server):
    blob, other = new_id("bl"), new_id("bl")
    put = server.link("PUT", "blob", blob)
    assert await status("PUT", put, b"data") == 200
    assert await status("GET", server.link("GET", "blob", blob)) == 200
    assert await status("GET", put) == 403
    assert await status("PUT", put.replace(blob, other), b"data") == 403
    assert await status("PUT", put.split("?")[0], b"data") == 403
    assert await status("GET", server.link("GET", "blob", other)) == 404


async def test_a_block_must_have_the_contents_that_its_name_says(server):
    digest = hashlib.sha256(b"right").hexdigest()
    assert await status("PUT", server.link("PUT", "block", digest), b"wrong") == 400
    assert await status("PUT", server.link("PUT", "block", digest), b"right") == 200


async def test_links_stay_good_when_the_daemon_starts_again(tmp_path, objects):
    first = BlobServer(objects, objects, tmp_path)
    await first.start()
    link = first.link("PUT", "blob", new_id("bl"))
    await first.close()
    second = BlobServer(objects, objects, tmp_path)
    await second.start()
    assert await status("PUT", link, b"data") == 200
    await second.close()


def test_uploaded_code_is_laid_out_and_equal_code_is_one_mount(tmp_path, objects):
    mounts = SourceMounts(tmp_path / "mounts", objects)
    digest = hashlib.sha256(b"x = 1\n").hexdigest()
    assert mounts.missing([digest]) == [digest]
    mounts.put(digest, b"x = 1\n")
    files = [api_pb2.MountFile(filename="/root/package/module.py", sha256_hex=digest)]
    mount_id, _ = mounts.create(files)
    assert mounts.create(files)[0] == mount_id
    (path,) = mounts.paths([mount_id, "mo-unknown"])
    assert (path / "package" / "module.py").read_text() == "x = 1\n"


@pytest.mark.parametrize("name", ["/root/../escape.py", "/root/a/../../escape.py"])
def test_code_that_would_lie_outside_its_mount_is_refused(tmp_path, objects, name):
    mounts = SourceMounts(tmp_path / "mounts", objects)
    digest = hashlib.sha256(b"").hexdigest()
    mounts.put(digest, b"")
    with pytest.raises(ValueError, match="leaves the mount"):
        mounts.create([api_pb2.MountFile(filename=name, sha256_hex=digest)])
    assert not (tmp_path / "escape.py").exists()


def test_uploaded_contents_must_match_their_digest(tmp_path, objects):
    with pytest.raises(ValueError, match="does not match"):
        SourceMounts(tmp_path / "mounts", objects).put("0" * 64, b"other")


def test_output_is_read_on_where_the_last_daemon_stopped_and_each_line_once(tmp_path, store):
    path, logs = tmp_path / "stdout", Logs(store)
    origin = Origin(app_id="ap-1", function_id="fu-1", task_id="ta-1", call_id="fc-1")
    first = LogTail(path, STDOUT, logs, lambda: origin)
    first.read()
    path.write_text("one\ntw")
    first.read()
    first.read()
    with path.open("a") as file:
        file.write("o\nunfinished")
    second = LogTail(path, STDOUT, logs, lambda: origin)
    second.read()
    for _ in second.rest():
        pass
    rows = logs.newest(LogFilter(call_id="fc-1"), 10)
    assert [row["data"] for row in rows] == ["one\n", "two\n", "unfinished"]
    assert logs.offset(path) == 0
