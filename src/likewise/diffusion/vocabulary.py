"""A vocabulary of chosen words in the form of CLIP's tokenizer: byte-level pair encoding that knows each as a whole."""

from collections.abc import Sequence


def bpe(words: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A byte-level vocabulary and merges in which each of the words, and some rare syllables, is one token.

    Laid out as CLIP's: 256 bytes, 256 bytes that end a word, merges in order of rank, the two end marks last.
    """
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    rare = ["".join(pair) for pair in zip("qzxvkjwbpgqzxvkj", "xqkjzwvgbpfdmshc", "vjqwxkzpbtmnrgld", strict=True)]
    merges: list[tuple[str, str]] = []
    for word in [*words, *rare]:
        pieces = _apply([*word[:-1], word[-1] + "</w>"], merges)
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces = [pieces[0] + pieces[1], *pieces[2:]]
    tokens = [*letters, *(one + "</w>" for one in letters), *(a + b for a, b in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}, merges


def _apply(pieces: list[str], merges: list[tuple[str, str]]) -> list[str]:
    for left, right in merges:  # in order of rank, as byte-pair encoding does
        at = 0
        while at < len(pieces) - 1:
            if (pieces[at], pieces[at + 1]) == (left, right):
                pieces = [*pieces[:at], left + right, *pieces[at + 2 :]]
            at += 1
    return pieces
