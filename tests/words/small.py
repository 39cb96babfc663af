"""A small byte-level BPE tokenizer in CLIP's format, trained in the test."""

import json
from functools import cache
from itertools import product

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

_TEXT = (
    "a photo of the dog cat toy robot teapot backpack clock vase sneaker animal person bird cup bowl bag plush in on "
    "with beach snow forest red blue tooth brush painting style rendering close up good nice small large walking "
    "jumping sitting running doggy kitten house houses street night owl ant bee"
)
COMMON = _TEXT.split()


@cache
def tokenizer(seed: int = 0, rare: int = 300) -> CLIPTokenizer:
    """Frequent words, then many rare syllables of two or three letters; about 1,300 tokens in all."""
    rng = np.random.default_rng(seed)
    syllables = ["".join(parts) for parts in product("bdfgkmnprtvwxz", "aeiouy", "bdgkmnprtxz")]
    pairs = ["".join(parts) for parts in product("bdgkmpvxz", "uyxz")]
    chosen = [*rng.permutation(syllables)[:rare], *rng.permutation(pairs)[: rare // 10]]
    corpus = [" ".join(COMMON)] * 60 + [" ".join(map(str, chosen))] * 5
    model = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    model.normalizer = normalizers.Lowercase()
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(vocab_size=4000, min_frequency=2, end_of_word_suffix="</w>", show_progress=False)
    model.train_from_iterator(corpus, trainer)
    merges = [tuple(pair) for pair in json.loads(model.to_str())["model"]["merges"]]
    return clip_layout(merges)


def clip_layout(merges: list[tuple[str, str]]) -> CLIPTokenizer:
    """256 bytes, 256 bytes that end a word, the merges by rank, the two end marks."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    tokens += [token for token in dict.fromkeys("".join(pair) for pair in merges) if token not in set(tokens)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=merges, model_max_length=77)
