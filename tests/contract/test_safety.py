"""What a client or a container must not be able to do: leave the store, send too much, come without a token.

It speaks Modal's protocol by hand, since the real client would not send such requests.
"""

import hashlib
import os
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from contract_cloud import LocalCloud, make_cloud
from grpclib import GRPCError, Status
from grpclib.client import Channel
from modal_proto import api_grpc, api_pb2

from remote.local_cloud import daemon
from remote.local_cloud.blob_server import MAX_BODY
from remote.local_cloud.rpc.servicer import MAX_MESSAGE

ESCAPES = [
    "../outside",
    "a/../../outside",
    "/../outside",
    "a\0b",
    "x" * 5000,
    "/".join(["d" * 200] * 21),
    "n" * 256,
    "..",
    "",
]
CREATE = api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    yield from make_cloud()


@pytest.fixture
async def channel(cloud) -> AsyncIterator[Channel]:
    url = cloud.environment["MODAL_SERVER_URL"]
    opened = Channel(path=url.removeprefix("unix://"))
    yield opened
    opened.close()


@pytest.fixture
def ask(cloud, channel) -> Callable[..., Any]:
    """One RPC by name, with the right token or another."""
    stub = api_grpc.ModalClientStub(channel)

    async def call(name: str, request: Any, secret: str = "") -> Any:
        metadata = {
            "x-modal-token-id": cloud.environment["MODAL_TOKEN_ID"],
            "x-modal-token-secret": secret or cloud.environment["MODAL_TOKEN_SECRET"],
        }
        return await getattr(stub, name)(request, metadata=metadata, timeout=20)

    return call


@pytest.fixture
async def volume_id(ask) -> str:
    request = api_pb2.VolumeGetOrCreateRequest(deployment_name="v", object_creation_type=CREATE, version=2)
    response = await ask("VolumeGetOrCreate", request)
    return str(response.volume_id)


def outside(cloud: LocalCloud) -> set[Path]:
    """Everything beside the cloud's own state, and whatever of these tests is in it."""
    paths = set(cloud.root.rglob("*"))
    return {p for p in paths if not p.is_relative_to(cloud.places.state) or p.name.startswith("outside")}


@pytest.mark.parametrize("path", ESCAPES)
async def test_no_volume_path_leaves_its_volume(cloud, ask, volume_id, path):
    before = outside(cloud)
    file = api_pb2.VolumePutFiles2Request.File(path=path, size=0)
    requests = {
        "VolumePutFiles2": api_pb2.VolumePutFiles2Request(volume_id=volume_id, files=[file]),
        "VolumePutFiles": api_pb2.VolumePutFilesRequest(
            volume_id=volume_id, files=[api_pb2.MountFile(filename=path, sha256_hex="0" * 64)]
        ),
        "VolumeGetFile2": api_pb2.VolumeGetFile2Request(volume_id=volume_id, path=path),
        "VolumeRemoveFile2": api_pb2.VolumeRemoveFile2Request(volume_id=volume_id, path=path, recursive=True),
        "VolumeRemoveFile": api_pb2.VolumeRemoveFileRequest(volume_id=volume_id, path=path, recursive=True),
    }
    for number, copy in (("", api_pb2.VolumeCopyFilesRequest), ("2", api_pb2.VolumeCopyFiles2Request)):
        for sources, target in (([path], "copy"), (["kept"], path), (["kept", "folder/kept"], path)):
            named = f"VolumeCopyFiles{number}"
            wish = copy(volume_id=volume_id, src_paths=sources, dst_path=target, recursive=True)
            requests[f"{named} {sources} {target}"] = wish
    await put_empty(ask, volume_id, "kept", "folder/kept")
    for name, request in requests.items():
        with pytest.raises(GRPCError) as refused:
            await ask(name.partition(" ")[0], request)
        assert refused.value.status in (Status.INVALID_ARGUMENT, Status.NOT_FOUND), name
    assert outside(cloud) == before


async def put_empty(ask: Callable[..., Any], volume_id: str, *paths: str) -> None:
    """Empty files, by the path by which larger ones go up."""
    files = [api_pb2.VolumePutFiles2Request.File(path=path, size=0) for path in paths]
    await ask("VolumePutFiles2", api_pb2.VolumePutFiles2Request(volume_id=volume_id, files=files))


@pytest.mark.parametrize("name", ["", "../outside", "a b", "a\0b", "n" * 65, "ap-" + "0" * 22, "v\n"])
async def test_no_volume_is_renamed_to_what_is_no_name(cloud, ask, volume_id, name):
    before = outside(cloud)
    with pytest.raises(GRPCError) as refused:
        await ask("VolumeRename", api_pb2.VolumeRenameRequest(volume_id=volume_id, name=name))
    assert refused.value.status is Status.INVALID_ARGUMENT
    assert outside(cloud) == before


@pytest.mark.parametrize(
    "blob_id", ["../cloud.db", "/etc/passwd", "bl-../../../etc/passwd0000", "bl-\0" + "x" * 21]
)
async def test_no_blob_is_anything_but_a_blob(ask, blob_id):
    with pytest.raises(GRPCError) as refused:
        await ask("BlobGet", api_pb2.BlobGetRequest(blob_id=blob_id))
    assert refused.value.status is Status.INVALID_ARGUMENT


@pytest.mark.parametrize("filename", ["/root/../../outside.py", "/root/a\0b.py", "/root/" + "x" * 256])
async def test_no_source_file_lies_outside_its_mount(cloud, ask, filename):
    before, data = outside(cloud), b"print()\n"
    digest = hashlib.sha256(data).hexdigest()
    await ask("MountPutFile", api_pb2.MountPutFileRequest(sha256_hex=digest, data=data))
    files = [api_pb2.MountFile(filename=filename, sha256_hex=digest)]
    with pytest.raises(GRPCError):
        await ask("MountGetOrCreate", api_pb2.MountGetOrCreateRequest(files=files))
    assert outside(cloud) == before


@pytest.mark.parametrize("stranger", ["../../outside", "vo-nobody"])
async def test_a_function_mounts_nothing_but_volumes_of_this_cloud(cloud, ask, stranger):
    before = outside(cloud)
    app_id = (await ask("AppCreate", api_pb2.AppCreateRequest(app_state=api_pb2.APP_STATE_EPHEMERAL))).app_id
    definition = api_pb2.Function(function_name=f"f{hashlib.md5(stranger.encode()).hexdigest()}")
    definition.volume_mounts.add(volume_id=stranger, mount_path="/data")
    definition.mount_ids.append(stranger)
    created = await ask("FunctionCreate", api_pb2.FunctionCreateRequest(app_id=app_id, function=definition))
    publish = api_pb2.AppPublishRequest(app_id=app_id, app_state=api_pb2.APP_STATE_EPHEMERAL)
    publish.function_ids["f"] = created.function_id
    await ask("AppPublish", publish)
    item = api_pb2.FunctionPutInputsItem(idx=0, input=api_pb2.FunctionInput())
    call = api_pb2.FunctionMapRequest(function_id=created.function_id, pipelined_inputs=[item])
    call_id = (await ask("FunctionMap", call)).function_call_id
    wait = api_pb2.FunctionGetOutputsRequest(function_call_id=call_id, timeout=15, start_idx=0, end_idx=0)
    outputs = (await ask("FunctionGetOutputs", wait)).outputs
    assert outputs[0].result.status == api_pb2.GenericResult.GENERIC_STATUS_INIT_FAILURE
    assert outside(cloud) == before


async def test_a_request_over_the_limit_is_refused_by_its_announced_size(cloud, ask, channel):
    """Only the announcement is sent: the cloud does not wait for what it will not take."""
    metadata = {
        "x-modal-token-id": cloud.environment["MODAL_TOKEN_ID"],
        "x-modal-token-secret": cloud.environment["MODAL_TOKEN_SECRET"],
    }
    method = api_grpc.ModalClientStub(channel).DictUpdate

    async def announce(size: int) -> None:
        async with method.open(metadata=metadata, timeout=20) as stream:
            await stream.send_request()
            await stream._stream.send_data(struct.pack("?", False) + struct.pack(">I", size))
            await stream.recv_message()

    with pytest.raises(GRPCError) as refused:
        await announce(MAX_MESSAGE + 1)
    assert refused.value.status is Status.RESOURCE_EXHAUSTED
    assert (await ask("ClientHello", api_pb2.google_dot_protobuf_dot_empty__pb2.Empty())) is not None


@pytest.mark.parametrize("secret", ["wrong", "as-" + "0" * 44])
async def test_a_wrong_token_opens_nothing(ask, secret):
    for name, request in {
        "DictGetOrCreate": api_pb2.DictGetOrCreateRequest(deployment_name="d", object_creation_type=CREATE),
        "VolumeList": api_pb2.VolumeListRequest(),
        "AppList": api_pb2.AppListRequest(),
    }.items():
        with pytest.raises(GRPCError) as refused:
            await ask(name, request, secret)
        assert refused.value.status is Status.UNAUTHENTICATED


async def test_a_client_is_no_container(ask, volume_id):
    for name, request in {
        "FunctionGetInputs": api_pb2.FunctionGetInputsRequest(function_id="fu-x"),
        "FunctionPutOutputs": api_pb2.FunctionPutOutputsRequest(),
        "VolumeCommit": api_pb2.VolumeCommitRequest(volume_id=volume_id),
    }.items():
        with pytest.raises(GRPCError) as refused:
            await ask(name, request)
        assert refused.value.status in (Status.PERMISSION_DENIED, Status.FAILED_PRECONDITION)


async def test_a_blob_that_is_too_large_is_refused_before_it_is_sent(ask):
    with pytest.raises(GRPCError) as refused:
        await ask("BlobCreate", api_pb2.BlobCreateRequest(content_length=MAX_BODY + 1))
    assert refused.value.status is Status.RESOURCE_EXHAUSTED
    assert f"at most {MAX_BODY} are allowed" in str(refused.value.message)
    allowed = await ask("BlobCreate", api_pb2.BlobCreateRequest(content_length=MAX_BODY))
    assert sum(len(part.upload_urls) * part.part_length for part in allowed.multiparts.items) == MAX_BODY


async def test_a_link_of_another_cloud_or_time_or_object_is_forbidden(cloud, ask):
    link = (await ask("BlobCreate", api_pb2.BlobCreateRequest(content_length=1))).upload_url
    forged = [
        link.replace("signature=", "signature=0"),
        link.replace("expires=", "expires=9"),
        link.replace("/blob/", "/block/"),
        link.split("?")[0],
        link.replace("/blob/", "/blob/..%2F"),
    ]
    async with aiohttp.ClientSession() as session:
        for url in forged:
            async with session.put(url, data=b"x") as response:
                assert response.status in (403, 404), url
        async with session.put(link, data=b"x") as response:
            assert response.status == 200


def test_it_listens_on_loopback_and_on_private_sockets_only(cloud):
    pid = daemon.running(cloud.places)
    assert pid is not None
    process = psutil.Process(pid)
    listening = [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
    paths = [Path(c.laddr) for c in process.net_connections("unix") if c.laddr]
    assert {"control.sock", "faults.sock"} <= {path.name for path in paths}
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0
        assert path.stat().st_uid == os.getuid()
