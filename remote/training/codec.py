"""Text to token ids and back.

`CharacterCodec` is for models made from a config: one character, one token. `SymbolCodec` and
`TextCodec` use the tokenizer that came with a Hugging Face model, for a puzzle on a few characters and
for a question in words. None knows a task beyond its characters.
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

    def reads(self, prompt: str) -> bool:
        """Whether there is a token for each part of this prompt."""

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

    def reads(self, prompt: str) -> bool:
        """Only the characters that it was made for."""
        return set(prompt) <= set(self.symbols)

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
    """What a model's own tokenizer does the same for any prompt."""

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

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text)["input_ids"])


class SymbolCodec(TokenizerCodec):
    """Characters are set apart by blanks, so that prompts of one length have one number of tokens in
    most tokenizers: ``3 1 2 =``."""

    def reads(self, prompt: str) -> bool:
        """Whether they come back from their ids."""
        text = self.tokenizer.decode(self._ids(" ".join(prompt)), skip_special_tokens=True)
        return "".join(str(text).split()) == prompt

    def encode(self, prompt: str) -> list[int]:
        """Ids of ``3 1 2 =``."""
        return self._ids(" ".join(prompt) + " =")

    def decode(self, ids: Sequence[int]) -> str:
        """The text without blanks."""
        return "".join(str(self.tokenizer.decode(list(ids))).split())

    def budget(self, answer_length: int) -> int:
        """Room for a blank before each character."""
        return 2 * answer_length + 2


class TextCodec(TokenizerCodec):
    """A question as the tokenizer's chat template has it, or else followed by ``Answer:``."""

    def reads(self, prompt: str) -> bool:
        """Whether none of it becomes the token for what is unknown."""
        unknown, ids = self.tokenizer.unk_token_id, self._ids(prompt)
        return bool(ids) and (unknown is None or unknown not in ids)

    def encode(self, prompt: str) -> list[int]:
        """Ids up to where the answer begins."""
        if self.tokenizer.chat_template is None:
            return self._ids(f"{prompt}\nAnswer:")
        said = [{"role": "user", "content": prompt}]
        text = self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """The text as it is."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def budget(self, answer_length: int) -> int:
        """A token is at least a character."""
        return answer_length + 1
