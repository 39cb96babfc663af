"""What these modules ask of a tokenizer; transformers' CLIPTokenizer does it all."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Tokenizer(Protocol):
    """A byte-pair tokenizer whose tokens end with "</w>" where a word ends."""

    all_special_tokens: list[str]

    def __call__(self, text: str, *, add_special_tokens: bool, verbose: bool = True) -> Mapping[str, Any]:
        """A mapping with "input_ids"."""
        ...

    def decode(self, token_ids: list[int]) -> str:
        """The letters of these ids."""
        ...

    def get_vocab(self) -> dict[str, int]:
        """Token -> id, added tokens included."""
        ...

    def get_added_vocab(self) -> dict[str, int]:
        """Token -> id of the added ones, special or not."""
        ...


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a text without end marks."""
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
