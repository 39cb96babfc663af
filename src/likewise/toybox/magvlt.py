"""Drafts and captions for the world: the stages that train the image tokens and the masked transformer.

Both go on where they stopped, in stretches of so many minutes if the recipe says so.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from likewise import checkpoint, seeds
from likewise.contrastive.learn import restore, snapshot
from likewise.errors import StageOrderError
from likewise.magvlt import data, mixsel
from likewise.magvlt.config import Config, Shape
from likewise.magvlt.folder import Parts, write
from likewise.magvlt.learn import gradients, rate
from likewise.magvlt.model import Transformer
from likewise.magvlt.vq import ImageTokens
from likewise.magvlt.words import TextTokens
from likewise.toybox import vq
from likewise.toybox.latents import ROWS, latents
from likewise.toybox.muon import Muon, split
from likewise.toybox.shop import Shop
from likewise.toybox.world import PX
from likewise.training import State, Step

ENDS = ("tok_emb", "pos_emb", "lm_layer.output_bias", "length_predictor")
TOKENS = "tokens.safetensors"
DRAWING = {"guidance": 3.0, "warm": 1.0, "cold": 0.5}  # measured, see docs/log.md


def autoencoder(shop: Shop) -> tuple[Any, float]:
    """The autoencoder that the codes quantise, and what its latents are times to have unit spread."""
    if shop.steps("decoder"):
        return shop.vae(), 1 / shop.spread
    if shop.recipe.start != "embedded":
        raise StageOrderError("autoencoder")
    made = shop.vae(trained=False)
    settings = checkpoint.read_json(Path(__file__).parents[1] / "weights" / "toybox" / "vae" / "config.json")
    return made.eval().requires_grad_(False), float(settings["scaling_factor"])


def quantiser(shop: Shop, trained: bool = True) -> Any:
    """The VQModel; with `trained`, as the stage 'vq' left it."""
    with seeds.initialising(shop.recipe.seed, "vq"):
        made = vq.build(shop.recipe.channels, shop.recipe.vq_codes)
    if trained:
        made.load_state_dict(shop.weights("vq"))
    return made


def learn_vq(shop: Shop) -> None:
    """Encode the pictures once, then train the VQModel on their latents."""
    recipe = shop.recipe
    if shop.steps("vq") >= recipe.vq_steps:
        return
    vae, scale = autoencoder(shop)
    found, cells = latents(shop, vae.encoder), shop.pictures.coverage

    def batches(rows: Tensor) -> tuple[Tensor, Tensor]:
        return shop.on(found[rows]).float() * scale, shop.on(cells[rows]).float()[:, None] / 255

    config = vq.Config(steps=recipe.vq_steps, batch=recipe.vq_batch, seed=recipe.seed)
    steps = vq.learn(shop.on(quantiser(shop, trained=False)), batches, shop.trained_on, config, shop.state("vq"))
    shop.drive("vq", stretch(steps, recipe.minutes), config.steps, save_every=200)


def pictures(shop: Shop) -> ImageTokens:
    """Pictures as codes, by the autoencoder and the trained VQModel."""
    vae, scale = autoencoder(shop)
    return ImageTokens(quantiser(shop), PX, vae, scale)


def words(shop: Shop) -> TextTokens:
    """Captions as ids, by the pipeline's tokenizer."""
    return TextTokens(shop.tokenizer, shop.recipe.magvlt_words)


def shape(shop: Shop) -> Shape:
    """The size of the transformer. Its prefix is closed: the length is then read in the same pass as the words."""
    recipe = shop.recipe
    return Shape(
        image_side=PX // 16, image_codes=recipe.vq_codes, text_codes=words(shop).count,
        text_length=recipe.magvlt_words, width=recipe.magvlt_width, layers=recipe.magvlt_layers,
        heads=max(1, recipe.magvlt_width // 64), prefix_mode="closed",
    )  # fmt: skip


def transformer(shop: Shop, trained: bool = True) -> Transformer:
    """The masked transformer; with `trained`, the average that the stage 'magvlt' left."""
    with seeds.initialising(shop.recipe.seed, "magvlt"):
        made = Transformer(shape(shop))
    if trained:
        made.load_state_dict(shop.weights("magvlt", "average/"))
    return made


def pairs(shop: Shop) -> data.Pairs:
    """The training pictures and captions as tokens, made once for a VQModel and kept beside its run."""
    tokens, own = pictures(shop), words(shop)
    tokens.to(shop.device.kind)
    path, made_by = shop.run_folder("vq") / TOKENS, f"{tokens.hash} {own.count} {own.length} {shop.pictures.hash}"

    def joined(first: Tensor, second: Tensor, upright: bool) -> Tensor:
        pictures = (shop.pictures.images(first), shop.pictures.images(second))
        return tokens.encode(mixsel.join(*pictures, upright)).cpu()

    if path.is_file() and checkpoint.read_tensors(path)[1].get("made_by") == made_by:
        return data.read(path, shape(shop), made_by, joined)
    made = latents(shop, tokens.front.encoder)
    codes = torch.cat([tokens.codes(shop.on(rows).float() * tokens.scale).cpu() for rows in made.split(ROWS)])
    found = data.pack(codes, [own.ids(text) for text in shop.pictures.captions], own.marks, shape(shop), joined)
    data.write(path, found, made_by)
    return found


def learn_magvlt(shop: Shop) -> None:
    """Tokenise the pictures once, then train the transformer on them."""
    recipe = shop.recipe
    if shop.steps("magvlt") >= recipe.magvlt_steps:
        return
    if not shop.steps("vq"):
        raise StageOrderError("vq")
    found = pairs(shop)
    chosen = slice(0, shop.trained_on)
    found = data.Pairs(found.image[chosen], found.text[chosen], found.length[chosen], found.marks, found.joined)
    model, average = (shop.on(transformer(shop, trained=False)) for _ in range(2))
    steps = train(model, average.requires_grad_(False), found, config(shop), shop)
    shop.drive("magvlt", stretch(steps, recipe.minutes), recipe.magvlt_steps, save_every=200)


def config(shop: Shop) -> Config:
    """The training's settings: more captioning than the paper's, no dropout, as a model this small has too little."""
    recipe = shop.recipe
    return Config(
        steps=recipe.magvlt_steps, batch=recipe.magvlt_batch, lr=recipe.magvlt_lr, t2i=5, i2t=3, it2it=1,
        smoothing=0.0, warmup=0.01, decay="plateau", residual_dropout=0.0, attention_dropout=0.0,
        ema=recipe.magvlt_ema, unroll=recipe.magvlt_unroll, mixsel=recipe.magvlt_mixsel, length_weight=0.1,
    )  # fmt: skip


def train(model: Transformer, average: Transformer, found: data.Pairs, config: Config, shop: Shop) -> Iterator[Step]:
    """As magvlt.learn, with Muon for the matrices of the blocks, which learns as much in fewer samples."""
    seed, resume = shop.recipe.seed, shop.state("magvlt")
    optimiser = Muon(*split(model, ENDS), config.lr)
    done = 0
    if resume is not None:
        done = restore(model, optimiser, resume)
        kept = {name.removeprefix("average/"): v for name, v in resume.tensors.items() if name.startswith("average/")}
        average.load_state_dict(kept)
    model.drop(config)
    for index in range(done + 1, config.steps + 1):
        lr = rate(config, index)
        for group in optimiser.param_groups:
            group["lr"] = lr
        model.train()
        losses = gradients(model, found, config, seed, index, shop.device)
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimiser.step()
        optimiser.zero_grad()
        decay = min(config.ema, index / (10 + index))
        many: Any = torch  # see LARS
        many._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        yield Step(index, losses, lr, lambda i=index: _state(model, average, optimiser, i))


def _state(model: Transformer, average: Transformer, optimiser: torch.optim.Optimizer, index: int) -> State:
    state = snapshot(model, optimiser, index)
    kept = {f"average/{name}": value.clone() for name, value in average.state_dict().items()}
    return State(state.tensors | kept, state.data)


def stretch(steps: Iterator[Step], minutes: float) -> Iterator[Step]:
    """The steps, for so many minutes; 0 for all. What comes after is made by the same command again."""
    began = time.monotonic()
    for step in steps:
        yield step
        if minutes and time.monotonic() - began > minutes * 60:
            return


def parts(shop: Shop) -> Parts:
    """What the stages have made, together."""
    found = pairs(shop)
    model = transformer(shop).eval().requires_grad_(False)
    return Parts(model, words(shop), pictures(shop), found.lengths, "toybox", DRAWING)


def ship(shop: Shop, weights: Path) -> None:
    """Write the draft model under `weights`, beside the pipeline, whose tokenizer and autoencoder it shares."""
    shared = {"tokenizer": "../toybox/tokenizer", "front": "../toybox/vae"}
    write(weights / "magvlt", parts(shop), shared, torch.float16)
