"""What the numbers of a step depend on besides code and config: device, threads, kernels, generators.

One thread and deterministic kernels, so that a step that is done again gives the same bits on the
same kind of machine. That was shown on a CPU; a GPU has operations without a deterministic form,
which is said of every resume there. Knows no model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import transformers
from torch import Tensor

THREADS_VARIABLE = "MIDDLEWATCH_TORCH_THREADS"
NOT_EXACT = "cuda: not every kernel is deterministic"


def prepare(seed: int) -> torch.device:
    """Set this process up for steps that repeat; the device to use, a GPU if there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # cuBLAS is deterministic only with a workspace of its own; read when its first handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(int(os.environ.get(THREADS_VARIABLE, "1")))
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    torch.manual_seed(seed)
    return device


def precision(device: torch.device) -> AbstractContextManager[Any]:
    """bf16 for the matrix products on a GPU; on a CPU everything stays in 32 bits."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def about(device: torch.device) -> dict[str, Any]:
    """Versions and settings that must be equal for a resume to repeat bit for bit."""
    found: dict[str, Any] = {
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
        "threads": torch.get_num_threads(),
        "device": device.type,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Why a state that was made under ``then`` may not go on bit for bit under ``now``; empty if
    nothing is known against it."""
    found = [
        f"{name}: {then.get(name, 'not recorded')} then, {now[name]} now"
        for name in now
        if then.get(name) != now[name]
    ]
    return [*found, NOT_EXACT] if now.get("device") == "cuda" else found


class Generators:
    """Every random number of a learner: torch's global generators, and the sampler's own."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self.sampler = torch.Generator(device).manual_seed(seed)

    def states(self) -> dict[str, Tensor]:
        """Where they stand."""
        states = {"torch": torch.get_rng_state(), "sampler": self.sampler.get_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return states

    def restore(self, states: Mapping[str, Tensor]) -> None:
        """Go back to there."""
        torch.set_rng_state(states["torch"])
        self.sampler.set_state(states["sampler"])
        if "cuda" in states and self._device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self._device)
