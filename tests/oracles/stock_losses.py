"""The cases that diffusers' training scripts and ours are both driven through, sample by sample the same.

Shared by tests/test_stock_losses.py and benchmarks/stock_parity.py, which runs the scripts and writes down what they
print. Everything here is fixed: tiny pipelines, photos, captions, settings and seed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from likewise import diffusion
from likewise.diffusion import tiny
from likewise.diffusion.backbone import Moments
from likewise.dreambooth import Config as DreamBooth
from likewise.dreambooth import Data as DreamBoothData
from likewise.dreambooth.draw import draw as draw_dreambooth
from likewise.dreambooth.learn import learn as learn_dreambooth
from likewise.textual_inversion import Config as Word
from likewise.textual_inversion import Data as WordData
from likewise.textual_inversion import start
from likewise.textual_inversion.draw import draw as draw_word
from likewise.textual_inversion.learn import learn as learn_word

STEPS, BATCH, SEED = 10, 2, 0
WORD, INITIALIZER = "<rob>", "robot"
CAPTIONS = ("a zxq dog", "a photo of a zxq dog", "a zxq dog in the snow")
SENTENCES = (f"a photo of a {WORD}", f"a {WORD}", f"my {WORD} in the room")
PIPELINES = {"epsilon": "sd1", "v_prediction": "sd2-v"}  # prediction type -> tiny pipeline
RATES = {"full": 1e-4, "lora": 1e-3, "word": 5e-3}


@dataclass(frozen=True)
class Case:
    """What learns ("full", "lora" or "word"), the text encoder too, the prediction type, with a prior or without."""

    train: str
    text: bool
    prediction: str
    prior: bool

    @property
    def name(self) -> str:
        """For files and messages, such as "lora+text epsilon prior"."""
        return f"{self.train}{'+text' * self.text} {self.prediction}{' prior' * self.prior}"

    @property
    def config(self) -> DreamBooth | Word:
        """Our settings for what the script does."""
        asked = {"parity": "diffusers", "lr": RATES[self.train], "batch": BATCH, "steps": STEPS}
        if self.train == "word":
            return Word.for_family("sd1", {**asked, "accumulation": 1, "scale_lr": False, "flip": False})
        prior = "images" if self.prior else "none"
        asked |= {"train": self.train, "prior": prior, **({"train_text": True} if self.text else {})}
        return DreamBooth.for_family("sd1", asked)


CASES = [
    *(
        Case(train, text, prediction, prior)
        for train in ("full", "lora")
        for text in (False, True)
        for prediction in PIPELINES
        for prior in (True, False)
    ),
    *(Case("word", False, prediction, False) for prediction in PIPELINES),
]


def pipeline(parent: Path, case: Case) -> Path:
    """The tiny pipeline's folder, made when first asked for."""
    folder = parent / PIPELINES[case.prediction]
    return folder if folder.exists() else tiny.pipeline(folder, folder.name)


def data(backbone: diffusion.Backbone, case: Case) -> DreamBoothData | WordData:
    """Three photos and four class images of random latents."""
    rng = torch.Generator().manual_seed(7)

    def moments(count: int) -> Moments:
        shape = backbone.facts.latent_shape(count)
        return Moments(torch.randn(shape, generator=rng), torch.randn(shape, generator=rng) - 3)

    photos = (moments(3),)
    if case.train == "word":
        words = {WORD: start(backbone, INITIALIZER, 1, SEED)}
        return WordData(photos, SENTENCES, (None,) * 3, words, "data")
    return DreamBoothData(photos, CAPTIONS, "a dog", (moments(4),) if case.prior else (), hash="data")


def batches(backbone: diffusion.Backbone, case: Case) -> list:
    """What each of the ten steps sees: latents, noise, timesteps, prompts."""
    drawn = draw_word if case.train == "word" else draw_dreambooth
    told = data(backbone, case)
    return [drawn(told, case.config, SEED, index * BATCH, backbone.schedule.timesteps) for index in range(STEPS)]


def fingerprint(backbone: diffusion.Backbone, case: Case) -> str:
    """SHA-256 of all that the steps see, so that other samples are not taken for another loss.

    Numbers count as the sign of each, as processors differ in the last bits of a random number and of a logarithm.
    """
    found = hashlib.sha256()
    for batch in batches(backbone, case):
        for one in (batch.latents > 0, batch.noise > 0, batch.t):
            found.update(one.contiguous().numpy().tobytes())
        found.update("\n".join(batch.prompts).encode())
    return found.hexdigest()


def ours(backbone: diffusion.Backbone, case: Case) -> Iterator[float]:
    """The loss of each step as we train."""
    learn = learn_word if case.train == "word" else learn_dreambooth
    for step in learn(backbone, data(backbone, case), case.config, SEED):
        yield step.losses["loss"]
