"""Sampling completions, one token at a time, with a key-value cache.

The sampler draws from a generator of its own, so that nothing else can shift its random numbers.
Prompts of different lengths are padded on the left, and the padding is masked; those of one length
go without a mask, which is faster. Knows no rewards.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache


@dataclass(frozen=True, slots=True)
class Prompts:
    """N prompts of at most P tokens: ``ids`` (N, P), and ``mask`` (N, P), 0 where there is padding on
    the left; None if there is none."""

    ids: Tensor
    mask: Tensor | None

    @classmethod
    def of(cls, prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> Prompts:
        """From lists of ids, none of them empty."""
        longest = max(map(len, prompts))
        padded = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        ids = torch.tensor(padded, device=device)
        if all(len(prompt) == longest for prompt in prompts):
            return cls(ids, None)
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        return cls(ids, torch.tensor(mask, device=device))

    def repeat(self, times: int) -> Prompts:
        """Each prompt so many times, as neighbours."""
        mask = None if self.mask is None else self.mask.repeat_interleave(times, dim=0)
        return Prompts(self.ids.repeat_interleave(times, dim=0), mask)

    def rows(self, chosen: Tensor) -> Prompts:
        """The prompts with these numbers."""
        return Prompts(self.ids[chosen], None if self.mask is None else self.mask[chosen])


@dataclass(frozen=True, slots=True)
class Rollout:
    """B completions of up to T tokens. ``completions`` (B, T) are ids, ``logprobs`` (B, T) those of
    the drawn tokens at the sampling temperature, ``mask`` (B, T) is 1 up to and including the end."""

    prompts: Prompts
    completions: Tensor
    logprobs: Tensor
    mask: Tensor

    def rows(self, chosen: Tensor) -> Rollout:
        """The completions with these numbers."""
        return Rollout(
            self.prompts.rows(chosen), self.completions[chosen], self.logprobs[chosen], self.mask[chosen]
        )


@torch.no_grad()
def sample(
    model: Any,
    prompts: Prompts,
    *,
    group: int,
    budget: int,
    temperature: float,
    end: int,
    pad: int,
    generator: torch.Generator | None,
) -> Rollout:
    """``group`` completions of each prompt, neighbours of each other, of at most ``budget`` tokens.
    Without a generator the likeliest token is taken each time."""
    cache = DynamicCache(config=model.config)
    places = _Places(model, prompts.mask)
    logits = model(
        prompts.ids, past_key_values=cache, use_cache=True, logits_to_keep=1, **places.of(prompts.ids)
    ).logits[:, -1]
    prompts = prompts.repeat(group)
    places = _Places(model, prompts.mask)
    cache.batch_repeat_interleave(group)
    logits = logits.repeat_interleave(group, dim=0)
    alive = torch.ones(len(logits), dtype=torch.bool, device=logits.device)
    tokens, logprobs, mask = [], [], []
    for drawn in range(budget):
        distribution = torch.log_softmax(logits.float() / temperature, dim=-1)
        token = _draw(distribution, generator)
        token = torch.where(alive[:, None], token, torch.full_like(token, pad))
        tokens.append(token)
        logprobs.append(distribution.gather(1, token))
        mask.append(alive[:, None].float())
        alive = alive & (token[:, 0] != end)
        if drawn + 1 == budget or not bool(alive.any()):
            break
        logits = model(token, past_key_values=cache, use_cache=True, **places.after(drawn + 1)).logits[:, -1]
    return Rollout(prompts, torch.cat(tokens, dim=1), torch.cat(logprobs, dim=1), torch.cat(mask, dim=1))


def token_logprobs(model: Any, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the completions' tokens under the model now, and its entropy at each of
    them in nats: both (B, T), with gradient."""
    length = rollout.completions.shape[1]
    ids = torch.cat([rollout.prompts.ids, rollout.completions], dim=1)
    places = _Places(model, rollout.prompts.mask).of(ids)
    logits = model(ids, use_cache=False, logits_to_keep=length + 1, **places).logits[:, :-1]
    distribution = torch.log_softmax(logits.float() / temperature, dim=-1)
    entropy = -(distribution.exp() * distribution).sum(dim=-1)
    return distribution.gather(2, rollout.completions[..., None])[..., 0], entropy


def _draw(distribution: Tensor, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        return distribution.argmax(dim=-1, keepdim=True)
    return torch.multinomial(distribution.exp(), 1, generator=generator)


class _Places:
    """What a model has to be told where tokens stand, if some prompts are padded: the mask, and
    positions that count from each prompt's first token, for models that take them."""

    def __init__(self, model: Any, mask: Tensor | None) -> None:
        self._mask = mask
        self._positions = mask is not None and "position_ids" in inspect.signature(model.forward).parameters

    def of(self, ids: Tensor) -> dict[str, Tensor]:
        """For prompts (B, P) and what follows them."""
        return self._told(ids.shape[1], ids.shape[1])

    def after(self, drawn: int) -> dict[str, Tensor]:
        """For the newest token alone, when so many have been drawn."""
        return {} if self._mask is None else self._told(self._mask.shape[1] + drawn, 1)

    def _told(self, length: int, newest: int) -> dict[str, Tensor]:
        if self._mask is None:
            return {}
        mask = torch.nn.functional.pad(self._mask, (0, length - self._mask.shape[1]), value=1)
        if not self._positions:
            return {"attention_mask": mask}
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        return {"attention_mask": mask, "position_ids": positions[:, -newest:]}
