"""Source code that the client uploads with an app, laid out so that containers can import it.

A mount is a list of files by digest; each is materialised once, read-only in effect, and given to
containers on PYTHONPATH. Only files under the image's ``/root`` are code; others are ignored.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from modal_proto import api_pb2

from remote.local_cloud.blobs import ObjectStore

CODE_ROOT = "/root/"
_MOUNT_ID = re.compile(r"mo-[0-9a-f]{22}\Z")


class SourceMounts:
    """Mounts by id; the id is a digest of the file list, so equal code is one mount."""

    def __init__(self, directory: Path, objects: ObjectStore) -> None:
        self._directory = directory
        self._objects = objects
        directory.mkdir(mode=0o700, exist_ok=True)

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Which contents the client has yet to upload."""
        return [digest for digest in digests if not self._objects.has(digest)]

    def put(self, digest: str, data: bytes) -> None:
        """Take a file's contents; ValueError if they are not what the digest says."""
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError(f"uploaded file does not match its sha256 {digest[:12]}…")
        self._objects.put(digest, data)

    def create(self, files: Iterable[api_pb2.MountFile]) -> tuple[str, str]:
        """Lay a mount out; (mount id, checksum of its contents)."""
        listing = sorted((file.filename, file.sha256_hex) for file in files)
        checksum = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
        mount_id = f"mo-{checksum[:22]}"
        root = self._directory / mount_id
        if not root.exists():
            temporary = self._directory / f".{mount_id}"
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(mode=0o700)
            for filename, digest in listing:
                self._place(temporary, filename, digest)
            temporary.rename(root)
        return mount_id, checksum

    def _place(self, root: Path, filename: str, digest: str) -> None:
        if not filename.startswith(CODE_ROOT):
            return
        parts = PurePosixPath(filename.removeprefix(CODE_ROOT)).parts
        if ".." in parts or "\0" in filename or not parts:
            raise ValueError(f"{filename[:80]!r} leaves the mount")
        target = root.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._objects.path(digest), target)

    def paths(self, mount_ids: Iterable[str]) -> list[Path]:
        """Directories to import from, in order."""
        candidates = (self._directory / mount_id for mount_id in mount_ids if _MOUNT_ID.match(mount_id))
        return [path for path in candidates if path.is_dir()]
