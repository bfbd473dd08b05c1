"""What generators yield, kept in memory while their call runs: Modal promises no more for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from modal_proto import api_pb2

from remote.local_cloud.pulse import Pulse

CALLS_KEPT = 256


class DataOut:
    """Chunks by call, in order of their index."""

    def __init__(self) -> None:
        self._chunks: OrderedDict[str, dict[int, api_pb2.DataChunk]] = OrderedDict()
        self.changed = Pulse()

    def put(self, call_id: str, chunks: Iterable[api_pb2.DataChunk]) -> None:
        """Take chunks; one with a known index replaces it."""
        stored = self._chunks.setdefault(call_id, {})
        stored.update({chunk.index: chunk for chunk in chunks})
        while len(self._chunks) > CALLS_KEPT:
            self._chunks.popitem(last=False)
        self.changed.beat()

    def after(self, call_id: str, index: int) -> list[api_pb2.DataChunk]:
        """The chunks that follow an index without a gap."""
        stored, found = self._chunks.get(call_id, {}), []
        while (index := index + 1) in stored:
            found.append(stored[index])
        return found
