"""AdamW's moments as a flat file of named tensors: ``<parameter>.exp_avg``, ``.exp_avg_sq``, ``.step``.

Safetensors, not pickle: reading a checkpoint never executes anything.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def moments(optimiser: torch.optim.Optimizer, names: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of each parameter that has any; ``names`` maps its name to the parameter."""
    return {
        f"{name}.{moment}": optimiser.state[parameter][moment]
        for name, parameter in names.items()
        if parameter in optimiser.state
        for moment in MOMENTS
    }


def restore_moments(
    optimiser: torch.optim.Optimizer, names: Mapping[str, Tensor], saved: Mapping[str, Tensor]
) -> None:
    """Undo `moments`; KeyError if a parameter has only a part of its moments."""
    optimiser.state.clear()
    for name, parameter in names.items():
        if f"{name}.step" in saved:
            optimiser.state[parameter] = {
                moment: saved[f"{name}.{moment}"].to("cpu" if moment == "step" else parameter.device)
                for moment in MOMENTS
            }
