"""Encode prompts with CLIP text towers, learned word vectors spliced into their lookups."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from likewise.diffusion.backbone import Pooling, Text, Words, word_table
from likewise.diffusion.tokens import Tokens, tokenize
from likewise.errors import SettingError


def encode(
    encoder: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    words: Mapping[str, Tensor],
    length: int,
) -> Text:
    """Last hidden states after the final norm (B, length, D), as Stable Diffusion 1 and 2 read them.

    words: as `vectors` gives them for this encoder.
    """
    tokens = [tokenize(tokenizer, prompt, words, length) for prompt in prompts]
    return Text(_run(encoder, tokens, words).last_hidden_state.float())


def encode_pair(
    encoders: Sequence[nn.Module],
    tokenizers: Sequence[PreTrainedTokenizerBase],
    prompts: Sequence[str],
    words: Sequence[Mapping[str, Tensor]],
    length: int,
    pooling: Pooling = "argmax",
) -> Text:
    """As SDXL reads prompts: hidden_states[-2] of both encoders side by side, and encoder 2's projected, pooled state.

    hidden_states[-2] leaves the last layer and the final norm out; the pooled state has been through both, and then
    through the projection. words: as `vectors` gives them; pooling: see backbone.Pooling.
    """
    parts = []
    for encoder, tokenizer, own in zip(encoders, tokenizers, words, strict=True):
        tokens = [tokenize(tokenizer, prompt, own, length) for prompt in prompts]
        output = _run(encoder, tokens, own, output_hidden_states=True)
        parts.append(output.hidden_states[-2].float())
    last: Any = encoders[-1]
    places = [pooled_place(one, last.config.eos_token_id, pooling, list(words[-1])) for one in tokens]
    states = output.last_hidden_state[range(len(places)), places]
    return Text(torch.cat(parts, dim=-1), last.text_projection(states).float())


def pooled_place(tokens: Tokens, end: int, pooling: Pooling, order: Sequence[str]) -> int:
    """The position (from 0) at which a tower with `end` as its config's eos_token_id reads the pooled state.

    Configs from before transformers 4.31 say 2, and such towers pool at the highest id. That is the end mark, unless
    tokens were added after it: then it is the last row of the word of `order` that was added last. Towers with a real
    eos_token_id pool at the first end mark, words or not.
    """
    if end == 2 and pooling == "argmax" and tokens.gaps:
        rank = {name: place for place, name in enumerate(order)}
        ids = [(rank[name], row) for _, name, row in tokens.gaps]
        return tokens.gaps[ids.index(max(ids))][0]
    mark = max(tokens.ids) if end == 2 else end
    return tokens.ids.index(mark)


def vectors(words: Words | None, encoders: Sequence[nn.Module]) -> list[dict[str, Tensor]]:
    """For each text encoder, the (K, D) rows of every word; SettingError for one that does not fit the encoders."""
    found: list[dict[str, Tensor]] = [{} for _ in encoders]
    for name, given in (words or {}).items():
        rows = (given,) if isinstance(given, Tensor) else tuple(given)
        if len(rows) != len(encoders):
            needed = f"this model needs one tensor for each of its {len(encoders)} text encoder(s)"
            raise SettingError(f"the vectors of {name}", f"{len(rows)} tensor(s)", needed)
        if len({len(one) for one in rows}) > 1:
            counts = " and ".join(str(len(one)) for one in rows)
            raise SettingError(f"the vectors of {name}", f"{counts} rows", "every text encoder needs as many")
        for own, one, encoder in zip(found, rows, encoders, strict=True):
            width = word_table(encoder).embedding_dim
            if one.ndim != 2 or one.shape[1] != width:
                raise SettingError(f"the vectors of {name}", tuple(one.shape), f"this model needs (K, {width})")
            own[name] = one
    return found


def _run(encoder: Any, tokens: Sequence[Tokens], words: Mapping[str, Tensor], **options: bool) -> Any:
    ids = torch.tensor([one.ids for one in tokens], device=encoder.device)
    with spliced(encoder.get_input_embeddings(), tokens, words):
        return encoder(input_ids=ids, **options)


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
