"""Policies as Hugging Face models in a directory, with a tokenizer of blank-separated characters.

`save_default` is our own tiny policy, weight for weight and token for token; `save_wide` a random Llama of
any width that our trainer can be given by path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DIGITS = "01234567"


def save_default(directory: Path, config: Any) -> int:
    """The policy that the default config starts from; the most tokens that it samples."""
    import torch

    from remote.training.model import build_policy
    from remote.training.task import build_task

    torch.manual_seed(config.seed)
    task = build_task(config)
    policy = build_policy(config, task.symbols, torch.device("cpu"))
    codec: Any = policy.codec
    policy.model.save_pretrained(directory)
    _tokenizer(list(codec.characters), end="$", pad="_").save_pretrained(directory)
    return int(codec.budget(task.answer_length))


def save_wide(directory: Path, *, hidden: int, layers: int, seed: int = 0) -> int:
    """The number of its parameters."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    characters = [*DIGITS, "=", "$", "_"]
    torch.manual_seed(seed)
    shape = LlamaConfig(
        vocab_size=len(characters),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        tie_word_embeddings=False,
        eos_token_id=characters.index("$"),
        pad_token_id=characters.index("_"),
    )
    model = LlamaForCausalLM(shape)
    model.save_pretrained(directory)
    _tokenizer(characters, end="$", pad="_").save_pretrained(directory)
    return sum(parameter.numel() for parameter in model.parameters())


def _tokenizer(characters: list[str], *, end: str, pad: str) -> Any:
    """Ids are places in ``characters``; anything else reads as padding."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {character: number for number, character in enumerate(characters)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token=pad))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token=end, pad_token=pad, unk_token=pad, padding_side="left"
    )
