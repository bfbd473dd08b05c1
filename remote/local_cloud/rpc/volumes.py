"""modal.Volume, both versions on one store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud import clocks, processes, volume_uploads
from remote.local_cloud.blob_server import LINK_SECONDS
from remote.local_cloud.faults import take_commit_failure
from remote.local_cloud.rpc.area import Area, Peer, invalid, not_found
from remote.local_cloud.rpc.naming import check_name, get_or_create, page
from remote.local_cloud.volume_copy import CopyError, NothingToCopyError, copies
from remote.local_cloud.volume_uploads import BLOCK
from remote.local_cloud.volumes import VolumePathError, clean_path
from remote.local_cloud.working_copy import Committed

ENTRIES_A_MESSAGE = 500
OPEN_FILES = "there are open files preventing the operation"
V2 = api_pb2.VOLUME_FS_VERSION_V2


class VolumeRpc(Area):
    """From outside: list, read, upload, copy, remove, rename. From a container: commit and reload."""

    async def VolumeGetOrCreate(
        self, request: api_pb2.VolumeGetOrCreateRequest, peer: Peer
    ) -> api_pb2.VolumeGetOrCreateResponse:
        volumes, version = self.cloud.volumes, request.version or V2

        def create(name: str | None) -> str:
            return volumes.create(name, version)

        volume_id = get_or_create(
            "Volume", request.deployment_name, request.object_creation_type, volumes.find, create
        )
        name, stored, _ = volumes.describe(volume_id)
        metadata = api_pb2.VolumeMetadata(version=stored, name=name or "")  # type: ignore[arg-type]
        return api_pb2.VolumeGetOrCreateResponse(volume_id=volume_id, version=stored, metadata=metadata)  # type: ignore[arg-type]

    async def VolumeHeartbeat(self, request: api_pb2.VolumeHeartbeatRequest, peer: Peer) -> Empty:
        return Empty()

    async def VolumeList(self, request: api_pb2.VolumeListRequest, peer: Peer) -> api_pb2.VolumeListResponse:
        items = [
            api_pb2.VolumeListItem(
                label=name,
                volume_id=volume_id,
                created_at=made.created_at,
                metadata=api_pb2.VolumeMetadata(
                    version=self.cloud.volumes.describe(volume_id)[1],  # type: ignore[arg-type]
                    name=name,
                    creation_info=made,
                ),
            )
            for name, volume_id, made in page(self.cloud.volumes.named(), request.pagination)
        ]
        return api_pb2.VolumeListResponse(items=items, environment_name="main")

    async def VolumeDelete(self, request: api_pb2.VolumeDeleteRequest, peer: Peer) -> Empty:
        self.cloud.volumes.delete(request.volume_id)
        return Empty()

    async def VolumeCommit(
        self, request: api_pb2.VolumeCommitRequest, peer: Peer
    ) -> api_pb2.VolumeCommitResponse:
        task_id = self._container(peer)
        if take_commit_failure(self.cloud.containers_dir / task_id / "faults"):
            # the one status that the client raises at once instead of retrying
            raise GRPCError(Status.ABORTED, "simulated commit failure")
        await asyncio.sleep(self.cloud.fault_plan.now.commit_delays.get(request.volume_id, 0.0))
        if self.cloud.fault_plan.take_commit_failure(request.volume_id):
            raise GRPCError(Status.ABORTED, "commit failure, asked for on purpose")
        await self.cloud.commit(task_id, request.volume_id)
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    async def VolumeReload(self, request: api_pb2.VolumeReloadRequest, peer: Peer) -> Empty:
        task_id = self._container(peer)
        root = self.cloud.volumes.path_in(task_id, request.volume_id)
        container = self.cloud.containers.live[task_id]
        mounted = self.cloud.apps.function(container.function_id).definition.volume_mounts
        paths = [Path(mount.mount_path) for mount in mounted if mount.volume_id == request.volume_id]
        if await asyncio.to_thread(processes.uses, container.pid, [root, *paths]):
            raise GRPCError(Status.FAILED_PRECONDITION, OPEN_FILES)
        if request.volume_id not in self.cloud.fault_plan.now.stale_volumes:
            await self.cloud.volumes.reload(task_id, request.volume_id)
        return Empty()

    async def VolumeListFiles(
        self, request: api_pb2.VolumeListFilesRequest, peer: Peer
    ) -> AsyncIterator[api_pb2.VolumeListFilesResponse]:
        for entries in self._listing(request.volume_id, request.path, request.recursive, request.max_entries):
            yield api_pb2.VolumeListFilesResponse(entries=entries)

    async def VolumeListFiles2(
        self, request: api_pb2.VolumeListFiles2Request, peer: Peer
    ) -> AsyncIterator[api_pb2.VolumeListFiles2Response]:
        for entries in self._listing(request.volume_id, request.path, request.recursive, request.max_entries):
            yield api_pb2.VolumeListFiles2Response(entries=entries)

    def _listing(
        self, volume_id: str, path: str, recursive: bool, most: int
    ) -> list[list[api_pb2.FileEntry]]:
        under = self._path(path) if path.strip("/") else ""
        files = self.cloud.volumes.files(volume_id, under)
        if under and not files:
            not_found(f"No such file or directory: '{path}'")
        entries = list(_entries(files, under, recursive).values())[: most or None]
        return [entries[i : i + ENTRIES_A_MESSAGE] for i in range(0, len(entries), ENTRIES_A_MESSAGE)]

    async def VolumeGetFile2(
        self, request: api_pb2.VolumeGetFile2Request, peer: Peer
    ) -> api_pb2.VolumeGetFile2Response:
        path = self._path(request.path)
        found = [file for file in self.cloud.volumes.files(request.volume_id, path) if file.path == path]
        if not found:
            not_found(f"No such file: '{request.path}'")
        self.cloud.contents.keep(found[0].sha, LINK_SECONDS)  # also where the file is replaced meanwhile
        size, start = found[0].size, request.start
        length = min(request.len or size, size - start)
        link = self.cloud.blob_server.link
        urls = [
            link("GET", "block", found[0].sha, at, min(BLOCK, start + length - at))
            for at in range(start, start + length, BLOCK)
        ]
        return api_pb2.VolumeGetFile2Response(get_urls=urls, size=size, start=start, len=length)

    async def VolumePutFiles2(
        self, request: api_pb2.VolumePutFiles2Request, peer: Peer
    ) -> api_pb2.VolumePutFiles2Response:
        """Version 2: in blocks. Files that are there already just as they are sent do not stand in the way:
        the client repeats a request whose answer it did not get."""
        paths, contents = [self._path(file.path) for file in request.files], self.cloud.contents
        files = dict(zip(paths, request.files, strict=True))
        if request.disallow_overwrite_existing_files and (there := self._taken(request.volume_id, files)):
            with _refusing():
                again = await asyncio.to_thread(volume_uploads.sent_again, contents, there, files)
            files = {path: file for path, file in files.items() if path not in again}
        wanted = [(i, file) for i, file in enumerate(request.files) if paths[i] in files]
        response = api_pb2.VolumePutFiles2Response()
        for index, number, digest in await asyncio.to_thread(volume_uploads.missing_blocks, contents, wanted):
            url = self.cloud.blob_server.link("PUT", "block", digest)
            response.missing_blocks.add(file_index=index, block_index=number, put_url=url)
        if not response.missing_blocks:
            self._publish(request, await asyncio.to_thread(volume_uploads.put_together, contents, files))
        return response

    async def VolumePutFiles(self, request: api_pb2.VolumePutFilesRequest, peer: Peer) -> Empty:
        """Version 1: contents were uploaded like source files, by digest."""
        files = []
        for file in request.files:
            path = self.cloud.contents.path(file.sha256_hex)
            if not path.exists():
                not_found(f"contents of '{file.filename}'")
            size, mode = path.stat().st_size, file.mode or volume_uploads.MODE
            files.append(Committed(self._path(file.filename), file.sha256_hex, size, clocks.wall(), mode))
        self._publish(request, files)
        return Empty()

    def _taken(self, volume_id: str, paths: Iterable[str]) -> dict[str, Committed | None]:
        return volume_uploads.taken(self.cloud.store.db, volume_id, paths)

    def _publish(
        self, request: api_pb2.VolumePutFilesRequest | api_pb2.VolumePutFiles2Request, files: list[Committed]
    ) -> None:
        """Put files whose contents are stored; what came there meanwhile is not overwritten either."""
        if request.disallow_overwrite_existing_files:
            there = self._taken(request.volume_id, [file.path for file in files])
            with _refusing():
                files = volume_uploads.new_ones(there, files)
        self.cloud.volumes.put(request.volume_id, files)

    async def VolumeRemoveFile(self, request: api_pb2.VolumeRemoveFileRequest, peer: Peer) -> Empty:
        return self._remove(request.volume_id, request.path, request.recursive)

    async def VolumeRemoveFile2(self, request: api_pb2.VolumeRemoveFile2Request, peer: Peer) -> Empty:
        return self._remove(request.volume_id, request.path, request.recursive)

    def _remove(self, volume_id: str, path: str, recursive: bool) -> Empty:
        cleaned = self._path(path)
        files = [file.path for file in self.cloud.volumes.files(volume_id, cleaned)]
        if not files:
            not_found(f"No such file or directory: '{path}'")
        if files != [cleaned] and not recursive:
            invalid(f"'{path}' is a directory; remove it recursively")
        self.cloud.volumes.remove(volume_id, files)
        return Empty()

    async def VolumeCopyFiles(self, request: api_pb2.VolumeCopyFilesRequest, peer: Peer) -> Empty:
        return self._copy(request)

    async def VolumeCopyFiles2(self, request: api_pb2.VolumeCopyFiles2Request, peer: Peer) -> Empty:
        return self._copy(request)

    def _copy(self, request: api_pb2.VolumeCopyFilesRequest | api_pb2.VolumeCopyFiles2Request) -> Empty:
        self._known(request.volume_id)
        tree, sources = self.cloud.volumes.files(request.volume_id), list(request.src_paths)
        try:
            files = copies(tree, sources, request.dst_path, recursive=request.recursive, now=clocks.wall())
        except NothingToCopyError as error:
            raise GRPCError(Status.NOT_FOUND, str(error)) from error
        except (CopyError, VolumePathError) as error:
            invalid(str(error))
        self.cloud.volumes.put(request.volume_id, files)
        return Empty()

    async def VolumeRename(self, request: api_pb2.VolumeRenameRequest, peer: Peer) -> Empty:
        self._known(request.volume_id)
        check_name("Volume", request.name)
        if self.cloud.volumes.find(request.name) not in (None, request.volume_id):
            raise GRPCError(Status.ALREADY_EXISTS, f"Volume '{request.name}' exists already")
        self.cloud.volumes.rename(request.volume_id, request.name)
        return Empty()

    def _known(self, volume_id: str) -> None:
        try:
            self.cloud.volumes.describe(volume_id)
        except KeyError:
            not_found(f"Volume '{volume_id}'")

    def _path(self, path: str) -> str:
        try:
            return clean_path(path)
        except VolumePathError as error:
            invalid(str(error))

    def _container(self, peer: Peer) -> str:
        if peer.task_id is None:
            raise GRPCError(Status.FAILED_PRECONDITION, "only a container that mounts the volume can do this")
        return peer.task_id


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise GRPCError(Status.ALREADY_EXISTS, str(error)) from error


def _entries(files: list[Committed], under: str, recursive: bool) -> dict[str, api_pb2.FileEntry]:
    """Files below a path and the directories that they imply, by path."""
    entries: dict[str, api_pb2.FileEntry] = {}
    depth = len(under.split("/")) if under else 0
    for file in files:
        parts = file.path.split("/")
        for length in range(depth + 1, len(parts)):
            directory = "/".join(parts[:length])
            if recursive or length == depth + 1:
                entries.setdefault(
                    directory,
                    api_pb2.FileEntry(
                        path=directory, type=api_pb2.FileEntry.DIRECTORY, mtime=int(file.mtime)
                    ),
                )
        if recursive or len(parts) <= depth + 1:
            entries[file.path] = api_pb2.FileEntry(
                path=file.path, type=api_pb2.FileEntry.FILE, mtime=int(file.mtime), size=file.size
            )
    return entries
