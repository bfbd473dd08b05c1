"""What the local cloud's benchmarks deploy: a class with a heavy import, and a light function."""

import os
import time

import modal

app = modal.App("bench")


@app.cls(enable_memory_snapshot=True, single_use_containers=True)
class Heavy:
    """As a trainer: torch is imported before the snapshot."""

    @modal.enter(snap=True)
    def load(self) -> None:
        """The expensive part of a start."""
        import torch

        self.threads = torch.get_num_threads()

    @modal.method()
    def first_line(self) -> list[object]:
        """When user code began, and in which kind of start."""
        return [time.time(), os.environ["MODAL_LOCAL_START"]]

    @modal.method()
    def stay(self, seconds: float) -> float:
        """Compute a little, then wait: what a container that works holds of memory."""
        import torch

        total = float(torch.ones(100_000).exp().sum())
        time.sleep(seconds)
        return total


@app.function()
def echo(value: int) -> int:
    """The least that a call can do."""
    return value
