"""The policy loss: tensors in, tensors out; no model, no I/O.

Two losses, chosen by name:

``dppo-kl``  prime-rl's default. A token whose probability has moved by more than ``mask_high`` up
             (positive advantage) or ``mask_low`` down (otherwise) since it was sampled gives no
             policy gradient: a two-sided mask on the difference of probabilities (DPPO, binary
             total variation), not on their ratio.
``clip``     GRPO as in PPO: the ratio is clipped to ``1 - clip_low .. 1 + clip_high``
             (Schulman et al. 2017; Shao et al. 2024), without a reference model.

Both add ``kl_tau * log_ratio**2`` (Kimi K2.5), which pulls the policy to the one that sampled, and
take away ``entropy_bonus`` times the entropy. Both are divided by the number of tokens of the
minibatch, not of each sample: a long completion does not count less a token.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from remote.vocabulary.run_config import RunConfig


@dataclass(frozen=True, slots=True)
class LossInputs:
    """One minibatch of B completions of at most T tokens. ``logprobs`` and ``entropy`` (B, T) carry
    the gradient; ``sampled_logprobs`` (B, T) are those of the policy that sampled; ``advantages``
    (B,) are one a completion; ``mask`` (B, T) is 1 up to and including the end, then 0."""

    logprobs: Tensor
    sampled_logprobs: Tensor
    entropy: Tensor
    advantages: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class LossOutputs:
    """The scalar to minimise, and per-token means without gradient: ``entropy``, ``mismatch_kl``
    (``ratio - log_ratio - 1``, never negative), ``masked_fraction``."""

    loss: Tensor
    metrics: dict[str, Tensor]


def policy_loss(inputs: LossInputs, config: RunConfig) -> LossOutputs:
    """The loss that ``config.loss`` names."""
    log_ratio = inputs.logprobs - inputs.sampled_logprobs
    ratio = log_ratio.exp()
    gain, masked = (_dppo if config.loss == "dppo-kl" else _clip)(inputs, ratio, config)
    token_loss = -gain + config.kl_tau * log_ratio**2 - config.entropy_bonus * inputs.entropy
    kl = (ratio - log_ratio - 1).detach()
    return LossOutputs(
        _mean(token_loss, inputs.mask),
        {
            "entropy": _mean(inputs.entropy.detach(), inputs.mask),
            "mismatch_kl": _mean(kl, inputs.mask),
            "masked_fraction": _mean(masked.float(), inputs.mask),
        },
    )


def group_advantages(rewards: Tensor, *, std: bool) -> Tensor:
    """(prompts, group) rewards to advantages: relative to the group's mean, and with ``std`` in units
    of its standard deviation. Without, as in prime-rl, easy and hard prompts count by how much their
    rewards differ (Liu et al. 2025)."""
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    if not std:
        return centred
    return centred / (rewards.std(dim=1, keepdim=True) + 1e-4)


def _dppo(inputs: LossInputs, ratio: Tensor, config: RunConfig) -> tuple[Tensor, Tensor]:
    advantages = inputs.advantages[:, None]
    moved = (inputs.logprobs.exp() - inputs.sampled_logprobs.exp()).detach()
    masked = torch.where(advantages > 0, moved > config.mask_high, moved < -config.mask_low)
    return torch.where(masked, torch.zeros_like(ratio), advantages * ratio), masked


def _clip(inputs: LossInputs, ratio: Tensor, config: RunConfig) -> tuple[Tensor, Tensor]:
    advantages = inputs.advantages[:, None]
    clipped = advantages * ratio.clamp(1 - config.clip_low, 1 + config.clip_high)
    gain = advantages * ratio
    return torch.minimum(gain, clipped), (clipped < gain).detach()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum()
