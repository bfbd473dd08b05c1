"""`modal.CloudBucketMount` on one machine: a directory for each bucket, the same for every container.

What is written is there at once for everybody, as in a bucket; nothing is committed. That a mount is
read-only is not enforced. No credentials are used and nothing leaves the machine.
"""

from __future__ import annotations

import re
from pathlib import Path

from modal_proto import api_pb2

from remote.local_cloud.volumes import clean_path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}\Z")


def bucket_directory(root: Path, mount: api_pb2.CloudBucketMount) -> Path:
    """Where a mounted bucket, or the part of it under a prefix, lies; ValueError for a name or a prefix
    that is none."""
    if not _NAME.match(mount.bucket_name):
        raise ValueError(f"{mount.bucket_name[:80]!r} is not the name of a bucket")
    prefix = mount.key_prefix.strip("/")
    directory = root / mount.bucket_name / (clean_path(prefix) if prefix else "")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not directory.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{prefix[:80]!r} leads out of its bucket")
    return directory
