"""A blob that comes in parts: put together whole, in order, or not at all."""

import hashlib
import os

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.local_cloud.blob_server import LINK_SECONDS, BlobServer
from remote.local_cloud.ids import new_id
from remote.local_cloud.multipart import PartsError, listed, part_lengths, part_name

DATA = [b"first", b"second", b"3"]


async def send(method: str, url: str, body: bytes) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body) as answer:
        return answer.status, await answer.text()


async def put_parts(server: BlobServer, blob_id: str, data: list[bytes] = DATA) -> None:
    for number, part in enumerate(data, 1):
        link = server.link("PUT", "part", part_name(blob_id, number), length=len(part))
        assert (await send("PUT", link, part))[0] == 200


def listing(data: list[bytes]) -> bytes:
    parts = (
        f'<Part>\n<PartNumber>{number}</PartNumber>\n<ETag>"{hashlib.md5(part).hexdigest()}"</ETag>\n</Part>'
        for number, part in enumerate(data, 1)
    )
    return f"<CompleteMultipartUpload>\n{''.join(parts)}\n</CompleteMultipartUpload>".encode()


async def test_parts_become_one_blob_and_are_gone(server, objects, tmp_path):
    blob_id = new_id("bl")
    await put_parts(server, blob_id)
    assert not objects.has(blob_id)
    status, text = await send("POST", server.link("POST", "blob", blob_id), listing(DATA))
    digests = b"".join(hashlib.md5(part).digest() for part in DATA)
    assert (status, f"{hashlib.md5(digests).hexdigest()}-3" in text) == (200, True)
    assert objects.path(blob_id).read_bytes() == b"".join(DATA)
    assert not [path for path in (tmp_path / "parts").rglob("*") if path.is_file()]


@pytest.mark.parametrize("given", [[*DATA, b"never sent"], [b"first", b"other", b"3"], []])
async def test_what_has_not_come_as_it_is_said_makes_no_blob(server, objects, given):
    blob_id = new_id("bl")
    await put_parts(server, blob_id)
    link = server.link("POST", "blob", blob_id)
    assert (await send("POST", link, listing(given)))[0] == 400
    assert not objects.has(blob_id)
    assert (await send("POST", link, listing(DATA)))[0] == 200


async def test_a_part_has_a_link_and_a_size_of_its_own(server, objects):
    blob_id = new_id("bl")
    link = server.link("PUT", "part", part_name(blob_id, 1), length=5)
    assert (await send("PUT", link, b"too long"))[0] == 413
    assert (await send("PUT", link.replace(".0001", ".0002"), b"short"))[0] == 403
    assert (await send("PUT", link.replace("/part/", "/blob/"), b"short"))[0] == 403
    assert (await send("POST", link.replace("/part/", "/blob/"), listing([b"short"])))[0] == 403
    assert (await send("PUT", link, b"short"))[0] == 200


async def test_parts_that_are_never_put_together_are_forgotten_with_their_links(server, tmp_path):
    await put_parts(server, new_id("bl"))
    server.forget_parts()
    parts = [path for path in (tmp_path / "parts").rglob("*") if path.is_file()]
    assert len(parts) == 3
    for path in parts:
        os.utime(path, (0.0, path.stat().st_mtime - LINK_SECONDS - 1))
    server.forget_parts()
    assert not [path for path in parts if path.exists()]


@given(st.integers(0, 10_000), st.integers(1, 3_000))
def test_the_parts_of_a_length_are_all_of_it(length, part_bytes):
    lengths = part_lengths(length, part_bytes)
    assert sum(lengths) == length
    assert all(part == part_bytes for part in lengths[:-1])


@pytest.mark.parametrize("numbers", [[], [2], [1, 3], [2, 1], [0, 1], [1, 1]])
def test_a_list_that_is_not_of_all_parts_in_order_is_refused(numbers):
    etag = "0" * 32
    body = "".join(f"<PartNumber>{number}</PartNumber><ETag>{etag}</ETag>" for number in numbers)
    with pytest.raises(PartsError):
        listed(body)


async def test_an_uploaded_block_stays_for_as_long_as_an_upload_may_take(objects, server):
    """What is found stored meanwhile does not stay for less."""
    uploaded, plain = hashlib.sha256(b"uploaded").hexdigest(), hashlib.sha256(b"plain").hexdigest()
    objects.put(plain, b"plain")
    assert (await send("PUT", server.link("PUT", "block", uploaded), b"uploaded"))[0] == 200
    assert objects.has(uploaded)
    assert objects.delete_all_but(set(), older_than=-LINK_SECONDS / 2) == 1
    assert (objects.has(uploaded), objects.has(plain)) == (True, False)
