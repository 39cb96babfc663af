"""The recipe that trains the embedded models, stage after stage; every stage goes on where it stopped.

A world folder holds pictures/, tokenizer/ and one training run a stage under learn/. A stage that is complete is not
run again; one with more steps than before goes on. Devices are used as they are: bfloat16 on a GPU, float32 on a
processor that has none.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import Tensor

from likewise import checkpoint
from likewise.contrastive import learn as contrastive
from likewise.diffusion.vocabulary import bpe
from likewise.toybox import autoencoder, decoder, embedded, magvlt, pictures, publish, unet, vocabulary
from likewise.toybox.latents import ROWS, latents
from likewise.toybox.recipe import STAGES, Stage
from likewise.toybox.shop import Shop

IMAGE_PX = 64
FIT = 1000  # pictures whose patches give the principal components


def run(shop: Shop, weights: Path, stage: Stage | None = None, say: Callable[[str], None] = lambda line: None) -> None:
    """Run one stage, or all in order, and leave the pipeline and the towers under `weights`."""
    work = {
        "pictures": draw,
        "tokenizer": tokenize,
        "towers": learn_towers,
        "autoencoder": learn_autoencoder,
        "unet": learn_unet,
        "vq": magvlt.learn_vq,
        "magvlt": magvlt.learn_magvlt,
        "publish": lambda shop: ship(shop, weights),
    }
    shop.check()
    for name in (stage,) if stage else STAGES:
        say(f"{name}: {shop.device.note}")
        work[name](shop)


def draw(shop: Shop) -> None:
    """Draw the training pictures."""
    for _ in pictures.draw(shop.world, shop.recipe.pictures, shop.folder / "pictures"):
        pass


def tokenize(shop: Shop) -> None:
    """Write the tokenizer, once; the embedded one where its weights are the start."""
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    if (shop.folder / "tokenizer").exists():
        return
    if shop.recipe.start == "embedded":  # the embedded text tower knows its own ids and no others
        with checkpoint.new_folder(shop.folder / "tokenizer") as folder:
            shutil.copytree(embedded.WEIGHTS / "toybox" / "tokenizer", folder, dirs_exist_ok=True)
        return
    tags = next(shop.folder.glob("packages/emojibase-data-*/package/en/data.json"), None)
    common = vocabulary.words(tags, shop.world.photos)
    table, merges = bpe(common + vocabulary.rare_syllables(common))
    with checkpoint.new_folder(shop.folder / "tokenizer") as folder:
        pairs: Any = merges  # which it takes, whatever its annotation says
        CLIPTokenizer(vocab=table, merges=pairs, model_max_length=shop.recipe.text_length).save_pretrained(str(folder))


def learn_towers(shop: Shop) -> None:
    """Train image and text tower on pictures and captions."""
    recipe = shop.recipe
    if shop.steps("towers") >= recipe.tower_steps:
        return
    parts = [F.interpolate(part.float(), (IMAGE_PX, IMAGE_PX), mode="area") for part in shop.pictures.bytes.split(ROWS)]
    small = torch.cat([part.round().to(torch.uint8) for part in parts])
    # what follows the longest caption's end mark is padding, which causal attention never lets an earlier token see
    used = int((shop.ids != shop.tokenizer.pad_token_id).sum(1).max()) + 1

    def pairs(rows: Tensor) -> tuple[Tensor, Tensor]:
        return shop.on(small[rows]).float() / 255, shop.on(shop.ids[rows, :used])

    config = contrastive.Config(
        steps=recipe.tower_steps, batch=recipe.tower_batch, lr=recipe.tower_lr, seed=recipe.seed
    )
    made = shop.on(shop.towers(trained=False))
    steps = contrastive.learn(made, pairs, shop.trained_on, config, shop.state("towers"))
    shop.drive("towers", steps, config.steps, save_every=100)


def learn_autoencoder(shop: Shop) -> None:
    """Fit the encoder, then train the decoder's front on a pretrained one's features, then all of it on pixels."""
    recipe = shop.recipe
    if shop.steps("decoder") >= recipe.decoder_steps:
        return
    vae = shop.vae(trained=False)
    _fit_encoder(shop, vae)
    if recipe.start == "scratch" and shop.taef2 is not None and not shop.steps("decoder"):
        _learn_front(shop, vae, shop.taef2)
    vae = shop.on(vae)
    config = decoder.Config(steps=recipe.decoder_steps, seed=recipe.seed)
    images = lambda rows: shop.on(shop.pictures.images(rows))  # noqa: E731 - one expression
    steps = decoder.learn(vae, images, shop.trained_on, config, shop.state("decoder"))
    shop.drive("decoder", steps, config.steps, save_every=200)


def _fit_encoder(shop: Shop, vae: AutoencoderTiny) -> None:
    """Once a world and number of channels: latents must stay what a U-Net knows them as."""
    made_for = {"settings": json.dumps(shop.settings("decoder"))}
    if shop.encoder.is_file():
        tensors, found = checkpoint.read_tensors(shop.encoder)
        if found == made_for:
            vae.encoder.load_state_dict(tensors)
            return
    if shop.recipe.start == "scratch":
        autoencoder.fit_encoder(vae, shop.pictures.images(slice(0, FIT)))
    checkpoint.write_tensors(shop.encoder, vae.encoder.state_dict(), made_for)


def _learn_front(shop: Shop, vae: AutoencoderTiny, taef2: Path) -> None:
    decoder.start(vae, taef2)
    if shop.steps("front") >= shop.recipe.front_steps:
        decoder.front(vae).load_state_dict(shop.weights("front"))
        return
    teacher, count = shop.on(decoder.Teacher(taef2)), min(shop.recipe.taught, shop.trained_on)
    with torch.no_grad():
        batches = torch.arange(count).split(10)
        features = torch.cat([teacher(shop.on(shop.pictures.images(rows))).half() for rows in batches])
        latents = torch.cat([vae.encoder(shop.pictures.images(rows) * 2 - 1) for rows in batches])
    shop.on(vae)
    config = decoder.Config(steps=shop.recipe.front_steps, batch=32, lr=2e-3, seed=shop.recipe.seed)
    pairs = lambda rows: (shop.on(latents[rows]), features[rows].float())  # noqa: E731 - one expression
    steps = decoder.learn_front(vae, pairs, count, config, shop.state("front"))
    shop.drive("front", steps, config.steps, save_every=200)


@torch.no_grad()
def learn_unet(shop: Shop) -> None:
    """Encode pictures and captions once, then train the U-Net on them."""
    recipe = shop.recipe
    if shop.steps("unet") >= recipe.unet_steps:
        return
    vae, towers = shop.vae(), shop.on(shop.towers())
    found = latents(shop, vae.encoder)
    unique, which = torch.unique(shop.ids, dim=0, return_inverse=True)
    hidden = [towers.text(input_ids=shop.on(part)).last_hidden_state.half().cpu() for part in unique.split(ROWS)]
    text, empty = torch.cat(hidden), towers.text(input_ids=shop.on(shop.empty)).last_hidden_state.float()

    def batches(rows: Tensor, dropped: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        words = shop.on(text[which[rows]]).float()
        words[shop.on(dropped)] = empty
        covered = shop.on(shop.pictures.coverage[rows]).float()[:, None] / 255
        return shop.on(found[rows]).float() / shop.spread, words, covered

    net, average = shop.on(shop.unet(trained=False)), shop.on(shop.unet(trained=False).requires_grad_(False))
    config = unet.Config(
        steps=recipe.unet_steps, batch=recipe.unet_batch, lr=recipe.unet_lr, gamma=recipe.gamma,
        emphasis=recipe.emphasis, focus=recipe.focus, ema=recipe.ema, seed=recipe.seed,
    )  # fmt: skip
    with torch.enable_grad():
        steps = unet.learn(
            net, average, publish.schedule(), batches, shop.trained_on, config, shop.state("unet"), shop.device
        )
        shop.drive("unet", steps, config.steps, save_every=250)


def ship(shop: Shop, weights: Path) -> None:
    """Write the pipeline folder and the towers under `weights`."""
    towers, vae = shop.towers(), shop.vae()
    vae.register_to_config(scaling_factor=1 / shop.spread)
    publish.pipeline(weights / "toybox", unet=shop.unet(), vae=vae, text=towers.text, tokenizer=shop.tokenizer)
    image = {"widths": list(shop.recipe.image_widths), "blocks": 1, "dim": shop.recipe.text_width}
    publish.towers(weights / "towers", towers, image)
    if shop.steps("magvlt"):
        magvlt.ship(shop, weights)
