"""Text to token ids and back.

`CharacterCodec` is for models made from a config: one character, one token. `TokenizerCodec` uses
the tokenizer that came with a Hugging Face model. Neither knows a task beyond its characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Codec(Protocol):
    """How one model reads and writes."""

    @property
    def end(self) -> int:
        """Id that closes a completion."""

    @property
    def pad(self) -> int:
        """Id that fills what follows the end."""

    def encode(self, prompt: str) -> list[int]:
        """The ids that a completion is sampled after."""

    def decode(self, ids: Sequence[int]) -> str:
        """The characters of a completion without its end."""

    def budget(self, answer_length: int) -> int:
        """How many tokens to sample at most for an answer of this many characters."""


@dataclass(frozen=True, slots=True)
class CharacterCodec:
    """``symbols``, then begin ``^``, separator ``>``, end ``$`` and padding ``_``: the marks are
    shown when a model writes them in the middle of an answer."""

    symbols: str

    @property
    def characters(self) -> str:
        """All characters in the order of their ids."""
        return self.symbols + "^>$_"

    @property
    def end(self) -> int:
        """Id of the end mark."""
        return len(self.symbols) + 2

    @property
    def pad(self) -> int:
        """Id of the padding mark."""
        return len(self.symbols) + 3

    def encode(self, prompt: str) -> list[int]:
        """Begin, the prompt's characters, separator."""
        return [self.characters.index(c) for c in f"^{prompt}>"]

    def decode(self, ids: Sequence[int]) -> str:
        """One character a token."""
        return "".join(self.characters[i] for i in ids)

    def budget(self, answer_length: int) -> int:
        """The answer, its end, and one more so that a late end can be seen."""
        return answer_length + 2


@dataclass(frozen=True, slots=True)
class TokenizerCodec:
    """A model's own tokenizer. Characters are set apart by blanks, so that prompts of one length
    have one number of tokens."""

    tokenizer: Any

    @property
    def end(self) -> int:
        """The tokenizer's end-of-sequence token."""
        return int(self.tokenizer.eos_token_id)

    @property
    def pad(self) -> int:
        """The tokenizer's padding, or its end where it has none."""
        pad = self.tokenizer.pad_token_id
        return self.end if pad is None else int(pad)

    def encode(self, prompt: str) -> list[int]:
        """Ids of ``3 1 2 =``."""
        return list(self.tokenizer(" ".join(prompt) + " =")["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """The text without blanks."""
        return "".join(str(self.tokenizer.decode(list(ids))).split())

    def budget(self, answer_length: int) -> int:
        """Room for a blank before each character."""
        return 2 * answer_length + 2
