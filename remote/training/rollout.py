"""Sampling completions, one token at a time, with a key-value cache.

The sampler draws from a generator of its own, so that nothing else can shift its random numbers.
Prompts have one length: no padding on the left, no attention mask. Knows no rewards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache


@dataclass(frozen=True, slots=True)
class Rollout:
    """B completions of up to T tokens. ``prompts`` (B, P) and ``completions`` (B, T) are ids,
    ``logprobs`` (B, T) those of the drawn tokens at the sampling temperature, ``mask`` (B, T) is 1
    up to and including the end."""

    prompts: Tensor
    completions: Tensor
    logprobs: Tensor
    mask: Tensor

    def rows(self, chosen: Tensor) -> Rollout:
        """The completions with these numbers."""
        return Rollout(
            self.prompts[chosen], self.completions[chosen], self.logprobs[chosen], self.mask[chosen]
        )


@torch.no_grad()
def sample(
    model: Any,
    prompts: Tensor,
    *,
    group: int,
    budget: int,
    temperature: float,
    end: int,
    pad: int,
    generator: torch.Generator,
) -> Rollout:
    """``group`` completions of each of the (N, P) prompts, neighbours of each other, of at most
    ``budget`` tokens."""
    cache = DynamicCache(config=model.config)
    logits = model(prompts, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
    cache.batch_repeat_interleave(group)
    logits = logits.repeat_interleave(group, dim=0)
    alive = torch.ones(len(logits), dtype=torch.bool, device=prompts.device)
    tokens, logprobs, mask = [], [], []
    for drawn in range(budget):
        distribution = torch.log_softmax(logits.float() / temperature, dim=-1)
        token = torch.multinomial(distribution.exp(), 1, generator=generator)
        token = torch.where(alive[:, None], token, torch.full_like(token, pad))
        tokens.append(token)
        logprobs.append(distribution.gather(1, token))
        mask.append(alive[:, None].float())
        alive = alive & (token[:, 0] != end)
        if drawn + 1 == budget or not bool(alive.any()):
            break
        logits = model(token, past_key_values=cache, use_cache=True).logits[:, -1]
    return Rollout(
        prompts.repeat_interleave(group, dim=0),
        torch.cat(tokens, dim=1),
        torch.cat(logprobs, dim=1),
        torch.cat(mask, dim=1),
    )


def token_logprobs(model: Any, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the completions' tokens under the model now, and its entropy at each of
    them in nats: both (B, T), with gradient."""
    length = rollout.completions.shape[1]
    ids = torch.cat([rollout.prompts, rollout.completions], dim=1)
    logits = model(ids, use_cache=False, logits_to_keep=length + 1).logits[:, :-1]
    distribution = torch.log_softmax(logits.float() / temperature, dim=-1)
    entropy = -(distribution.exp() * distribution).sum(dim=-1)
    return distribution.gather(2, rollout.completions[..., None])[..., 0], entropy
