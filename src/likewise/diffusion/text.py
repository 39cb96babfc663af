"""Encode prompts with a CLIP text tower, learned word vectors spliced into its lookup."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from likewise.diffusion.backbone import Text
from likewise.diffusion.tokens import Tokens, tokenize
from likewise.errors import SettingError


def encode(
    encoder: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    words: Mapping[str, Tensor] | None,
    length: int,
) -> Text:
    """Last hidden states after the final norm (B, length, D), as Stable Diffusion 1 and 2 read them."""
    words = words or {}
    width = encoder.get_input_embeddings().embedding_dim
    for name, rows in words.items():
        if rows.ndim != 2 or rows.shape[1] != width:
            raise SettingError(f"the vectors of {name}", tuple(rows.shape), f"this model needs (K, {width})")
    tokens = [tokenize(tokenizer, prompt, words, length) for prompt in prompts]
    ids = torch.tensor([one.ids for one in tokens], device=encoder.device)
    with spliced(encoder.get_input_embeddings(), tokens, words):
        output = encoder(input_ids=ids)
    return Text(output.last_hidden_state)


@contextmanager
def spliced(table: nn.Module, tokens: Sequence[Tokens], words: Mapping[str, Tensor]) -> Iterator[None]:
    """While inside, the embedding lookup answers with the words' rows at the tokens' gaps; gradients reach them.

    CLIPTextModel takes no inputs_embeds (transformers 5.23), so the lookup's output is replaced by a forward hook,
    which comes off whatever happens. Nothing is added to the tokenizer or the table, so nothing has to be restored.
    """
    gaps = [(row, *gap) for row, one in enumerate(tokens) for gap in one.gaps]
    if not gaps:
        yield
        return

    def splice(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
        rows, places = [gap[0] for gap in gaps], [gap[1] for gap in gaps]
        vectors = torch.stack([words[name][index] for _, _, name, index in gaps])
        at = (torch.tensor(rows, device=output.device), torch.tensor(places, device=output.device))
        return output.index_put(at, vectors.to(output))

    handle = table.register_forward_hook(splice)
    try:
        yield
    finally:
        handle.remove()
