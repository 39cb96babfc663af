"""How many tokens a prompt takes, before a model cuts it off."""

import re
from collections.abc import Mapping

from likewise.errors import PromptTooLongError
from likewise.words.tokenizer import Tokenizer, ids_of

_PARTS = re.compile(r"<[a-z0-9][a-z0-9_-]*>|(?:(?!<[a-z0-9][a-z0-9_-]*>)\S)+")


def check_length(tokenizer: Tokenizer, prompt: str, limit: int, rows: Mapping[str, int] | None = None) -> int:
    """The tokens of a prompt, both end marks included; PromptTooLongError names the words beyond `limit`.

    rows: how many vectors each placeholder stands for, such as {"<cat>": 2}; a placeholder without an entry counts
    one. CLIP's tokenizer never joins across spaces or brackets, so a prompt takes what its words take.
    """
    total, lost = 2, []
    for part in _PARTS.findall(prompt):
        total += _count(tokenizer, part, rows or {})
        if total > limit:
            lost.append(part)
    if lost:
        raise PromptTooLongError(prompt, total - 2, limit - 2, " ".join(lost))
    return total


def _count(tokenizer: Tokenizer, part: str, rows: Mapping[str, int]) -> int:
    if part.startswith("<") and part.endswith(">"):
        return rows.get(part, 1)
    return len(ids_of(tokenizer, part))
