"""Train a draft model on a folder of captioned photos: tokenised once, and then as any training."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from likewise import checkpoint, images, imageset, seeds, training
from likewise.devices import Device, choose
from likewise.errors import NothingToLearnError, TokenFileError
from likewise.imageset import ImageSet
from likewise.magvlt import data, folder, mixsel
from likewise.magvlt.config import Config
from likewise.magvlt.learn import learn, weights
from likewise.magvlt.model import Transformer
from likewise.magvlt.pieces import Pieces

TOKENS, MODEL = "tokens.safetensors", "model"
SAVE_EVERY = 100


@dataclass(frozen=True)
class Taught:
    """What a training left: the folder of the model, pairs learned from, steps, and the last losses."""

    model: Path
    pairs: int
    steps: int
    losses: dict[str, float]


def teach(
    photos: str | Path,
    out: Path,
    config: Config,
    *,
    start: str | Path = "toybox",
    fresh: bool = False,
    seed: int = 0,
    resume: bool = False,
    device: Device | None = None,
    quiet: bool = True,
    resume_command: str | None = None,
) -> Taught:
    """Train a model on the photos of a folder that have captions, and write it to OUT/model.

    start: the model to begin with, whose tokenizers are kept in any case; fresh: begin with random weights. Raises
    NothingToLearnError where no photo has a caption, and what training.run and folder.read raise.
    """
    device = device or choose()
    found = imageset.load(photos)
    captioned = ImageSet(tuple(photo for photo in found.photos if photo.caption))
    if not captioned.photos:
        raise NothingToLearnError(
            f"None of the {len(found)} photos in {photos} has a caption",
            f"Write a .txt file beside each, or let a model do it: likewise magvlt describe {photos} --write.",
        )
    parts = folder.read(start)
    model = parts.model
    if fresh:
        with seeds.initialising(seed, "magvlt"):
            model = Transformer(model.shape)
    parts.pictures.to(device.kind)
    begun = checkpoint.latest(out / "checkpoints") is not None
    made = tokenised(captioned, parts, out / TOKENS, learned_from=begun)
    pairs = replace(made, pieces=Pieces(parts.words.tokenizer))
    state = training.resume_state(out) if resume else None  # `learn` compares what it was made from
    steps = learn(model.to(device.kind).requires_grad_(True), pairs, config, seed, resume=state, device=device)
    last: dict[str, float] = {}

    def note(step: training.Step) -> None:
        last.update(step.losses)

    outcome = training.run(
        steps, folder=out, total=config.steps, save_every=SAVE_EVERY, keep=1, quiet=quiet, config=config, stop=note,
        resume_command=resume_command,
    )  # fmt: skip
    ended = training.resume_state(out)
    assert ended is not None, "a run that ended has saved its last step"
    model.load_state_dict(weights(ended))
    parts.pictures.to("cpu")
    kept = replace(parts, model=model.cpu().eval(), lengths=pairs.lengths)
    return Taught(folder.write(out / MODEL, kept), len(pairs), outcome.step, last)


def tokenised(photos: ImageSet, parts: folder.Parts, path: Path, *, learned_from: bool) -> data.Pairs:
    """The photos as tokens, kept at `path` and read from there when photos, captions and tokenizers are the same.

    Where they are not, TokenFileError if the tokens were learned from already; else they are made anew.
    """
    shape, pixels = parts.model.shape, parts.pictures.pixels
    made_by = f"{parts.pictures.hash} {parts.words.count} {parts.words.length} {photos.hash}"
    shrunk = [images.cover(picture, pixels) for picture in photos.images()]
    raw = images.to_tensor(shrunk).mul(255).round().to(torch.uint8)

    def joined(first: Tensor, second: Tensor, upright: bool) -> Tensor:
        return parts.pictures.encode(mixsel.join(raw[first].float() / 255, raw[second].float() / 255, upright)).cpu()

    if path.is_file():
        try:
            return data.read(path, shape, made_by, joined)
        except TokenFileError:
            if learned_from:
                raise
    codes = parts.pictures.encode(raw.float() / 255).cpu()
    captions = [parts.words.ids(photo.caption or "") for photo in photos.photos]
    pairs = data.pack(codes, captions, parts.words.marks, shape, joined)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.write(path, pairs, made_by)
    return pairs
