"""A blob that comes in parts, as S3 takes it: each part by a link of its own, then a list of what came.

    <Part><PartNumber>1</PartNumber><ETag>"5eb6…"</ETag></Part>     # what the client sends at the end

The ETag of a part is the md5 of its bytes; that of the whole is the md5 of those digests, and their number.
It knows bytes and names; links and who may use them are `blob_server`.
"""

from __future__ import annotations

import hashlib
import re

from remote.local_cloud.blobs import CHUNK, ObjectStore

PART_BYTES = 256 * 1024**2
"""What is larger comes in parts of this size."""
SETTING = "LOCAL_CLOUD_PART_BYTES"
_LISTED = re.compile(r'<PartNumber>(\d{1,5})</PartNumber>\s*<ETag>"?([0-9a-f]{32})"?</ETag>')


class PartsError(ValueError):
    """The parts are not those that were said to be there."""


def part_name(blob_id: str, number: int) -> str:
    """What a part is stored under; numbers begin with 1."""
    return f"{blob_id}.{number:04d}"


def part_lengths(length: int, part_bytes: int) -> list[int]:
    """The sizes of the parts of so many bytes; at least one."""
    return [min(part_bytes, length - start) for start in range(0, max(length, 1), part_bytes)]


def listed(body: str) -> list[str]:
    """The ETags of a list of all parts, in order. PartsError."""
    found = [(int(number), etag) for number, etag in _LISTED.findall(body)]
    if not found or [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise PartsError("no list of all parts, from 1, in order")
    return [etag for _, etag in found]


def assemble(parts: ObjectStore, blobs: ObjectStore, blob_id: str, etags: list[str]) -> str:
    """Put a blob together and drop its parts; the ETag of the whole. PartsError: then there is no blob."""
    names = [part_name(blob_id, number) for number in range(1, len(etags) + 1)]
    with blobs.incoming(blobs.path(blob_id)) as whole:
        for name, etag in zip(names, etags, strict=True):
            digest = hashlib.md5()
            try:
                with parts.path(name).open("rb") as part:
                    while chunk := part.read(CHUNK):
                        digest.update(chunk)
                        whole.write(chunk)
            except FileNotFoundError as error:
                raise PartsError(f"part {name} has not come") from error
            if digest.hexdigest() != etag:
                raise PartsError(f"part {name} is not what was sent")
    for name in names:
        parts.remove(name)
    joined = hashlib.md5(b"".join(map(bytes.fromhex, etags))).hexdigest()
    return f"{joined}-{len(etags)}"
