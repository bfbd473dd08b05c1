"""The policy and its codec: a tiny Llama made from a config, or any causal LM of Hugging Face.

The tiny one needs no download and no tokenizer: 108 thousand parameters for ten digits and marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from huggingface_hub.errors import HfHubHTTPError, HTTPError  # type: ignore[attr-defined]
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from remote.training.codec import CharacterCodec, Codec, SymbolCodec, TextCodec
from remote.training.errors import UnknownModelError
from remote.vocabulary.run_config import TINY_LLAMA, RunConfig


class ModelUnreachableError(RuntimeError):
    """The Hugging Face hub did not answer: unlike an unknown name, another attempt may help."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A causal language model (a torch module) and how to write for it."""

    model: Any
    codec: Codec


def build_policy(config: RunConfig, symbols: str, device: torch.device) -> Policy:
    """The model that the config names. ``symbols`` are the characters of the task; empty for text.

    Draws initial weights from torch's global generator. UnknownModelError, ModelUnreachableError.
    """
    policy = _tiny(symbols) if config.model == TINY_LLAMA else _pretrained(config.model, symbols)
    # Dropout off, in the update too: the update must see the policy that sampled.
    policy.model.to(device).eval()
    return policy


def _tiny(symbols: str) -> Policy:
    codec = CharacterCodec(symbols)
    shape = LlamaConfig(
        vocab_size=len(codec.characters),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        tie_word_embeddings=False,
        bos_token_id=codec.encode("")[0],
        eos_token_id=codec.end,
        pad_token_id=codec.pad,
    )
    return Policy(LlamaForCausalLM(shape), codec)


def _pretrained(name: str, symbols: str) -> Policy:
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        if _hub_is_down(error):
            raise ModelUnreachableError(f"model {name!r}: the Hugging Face hub does not answer") from error
        raise UnknownModelError(name, " ".join(str(error).split())[:300]) from error
    if tokenizer.eos_token_id is None:
        raise UnknownModelError(name, "its tokenizer has no end-of-sequence token")
    return Policy(model, (SymbolCodec if symbols else TextCodec)(tokenizer))


def _hub_is_down(error: BaseException) -> bool:
    """Whether no answer came, or one that says to come back later: an HTTP error that is not the
    hub's own is one of transport."""
    return any(
        cause.response.status_code in (429, *range(500, 600)) if isinstance(cause, HfHubHTTPError) else True
        for cause in _chain(error)
        if isinstance(cause, HTTPError)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
