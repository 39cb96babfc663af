"""Learn the two words that a concept falls into (Concept Decomposition, arXiv:2305.18203).

Two new words stand side by side in sentences about the concept's pictures: "a photo of a <left> <right>". Both start
as one word, so that seeds differ by their draws alone, and nothing but the plain denoising loss moves them. Every seed
tries for a while, all in one batch; then the judge, which looks at what each word draws, says who goes on.
"""

import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from likewise import checkpoint
from likewise.concept_tree.config import Config
from likewise.devices import Device
from likewise.diffusion.backbone import Backbone, Vectors, Words, word_table
from likewise.diffusion.latents import Picture
from likewise.errors import LongWordWarning
from likewise.textual_inversion import Config as WordConfig
from likewise.textual_inversion import Data as Data
from likewise.textual_inversion import narrow, optimise, start, vectors
from likewise.textual_inversion.rows import LONG as LONG
from likewise.training import State, Step
from likewise.tuning.cache import views
from likewise.tuning.memory import weights
from likewise.words import OBJECT_TEMPLATES

LEFT, RIGHT = "<left>", "<right>"
# optimiser steps so far, each seed's two words -> the seeds that go on, in order; none ends the learning
Judge = Callable[[int, Mapping[int, Words]], Sequence[int]]


def data(backbone: Backbone, pictures: Sequence[Picture], config: Config, cache: Path | None) -> Data:
    """What a split learns from: latent moments of the pictures, and of them mirrored, and the sentences."""
    sentences = tuple(template.format(f"{LEFT} {RIGHT}") for template in OBJECT_TEMPLATES)
    digest = checkpoint.hash_json([[one.image_hash for one in pictures], list(sentences)])
    return Data(views(backbone, pictures, config.flip, cache), sentences, (None,) * len(pictures), {}, digest)


def starts(backbone: Backbone, config: Config) -> Mapping[str, Vectors]:
    """Both words at the initializer's row; InitializerError for one that is not a single token."""
    return {word: start(backbone, config.initializer, 1, 0) for word in (LEFT, RIGHT)}


def learn(
    backbone: Backbone,
    taught: Data,
    config: Config,
    judge: Judge,
    *,
    resume: State | None = None,
    device: Device | None = None,
) -> Iterator[Step]:
    """Yield after each optimiser step: all seeds side by side until the judge has spoken, then the chosen one alone.

    judge: asked after each of config.cuts, and again when a run resumes from such a step: the same question must get
    the same answer. resume: the state of an earlier step of the same run. `words(state)` has the words so far.
    """
    kept = list(resume.data["seeds"]) if resume else list(config.seeds)
    state = State(resume.tensors, resume.data["run"]) if resume else None
    origin = starts(backbone, config)
    while kept:
        done = state.data["step"] if state else 0
        if done in config.cuts:
            assert state is not None, "a cut comes after a step"
            chosen = list(judge(done, {seed: vectors(weights(state), place) for place, seed in enumerate(kept)}))
            if not chosen:
                return
            state, kept = narrow(state, kept, [origin] * len(kept), chosen), chosen
        until = next((cut for cut in config.cuts if cut > done), config.steps)
        with closing(_steps(backbone, taught, config, kept, origin, state, device)) as steps:
            for step in steps:
                yield _named(step, kept)
                if step.index == until:
                    state = step.state()
                    break
        if until == config.steps:
            return


def _steps(
    backbone: Backbone,
    taught: Data,
    config: Config,
    seeds: Sequence[int],
    origin: Mapping[str, Vectors],
    state: State | None,
    device: Device | None,
) -> Generator[Step, None, None]:
    """`optimise`, without a word of words that outgrow the model's own: that is told once, with the node."""
    begin = [origin] * len(seeds)
    with closing(optimise(backbone, taught, word_config(config), seeds, begin, resume=state, device=device)) as steps:
        while True:
            with warnings.catch_warnings():  # never open across a yield, where it would silence the caller
                warnings.simplefilter("ignore", LongWordWarning)
                step = next(steps, None)
            if step is None:
                return
            yield step


def _named(step: Step, kept: Sequence[int]) -> Step:
    """The step with losses called by their seeds, and a state that knows which seeds it holds."""
    losses = {name: value for name, value in step.losses.items() if not name.startswith("loss ")}
    losses |= {
        f"loss of seed {seed}": step.losses[f"loss {place}"]
        for place, seed in enumerate(kept)
        if f"loss {place}" in step.losses
    }

    def state() -> State:
        inner = step.state()
        return State(inner.tensors, {"seeds": list(kept), "run": inner.data})

    return replace(step, losses=losses, state=state)


def words(state: State) -> dict[int, Words]:
    """Each seed's <left> and <right> in a state of `learn`."""
    learned = weights(State(state.tensors, state.data["run"]))
    return {seed: vectors(learned, place) for place, seed in enumerate(state.data["seeds"])}


def snapshots(run: Path, seed: int) -> dict[int, Words]:
    """A seed's words at every checkpoint that it has a part in."""
    found = {}
    for folder in checkpoint.checkpoints(run / "checkpoints"):
        tensors, data = checkpoint.load_state(folder)
        known = words(State(tensors, data["state"]))
        if seed in known:
            found[int(folder.name)] = known[seed]
    return found


def length(backbone: Backbone, given: Vectors) -> float:
    """The longest row over the median length of the model's own, of the text encoder where that is most."""
    rows = given if isinstance(given, tuple) else (given,)
    tables = [word_table(encoder).weight.detach().float() for encoder in backbone.text_encoders]
    shares = [one.norm(dim=1).max() / table.norm(dim=1).median() for one, table in zip(rows, tables, strict=True)]
    return max(float(share) for share in shares)


def word_config(config: Config) -> WordConfig:
    """The settings as Textual Inversion knows them."""
    shared = ("steps", "batch", "accumulation", "lr", "weight_decay", "timestep_alpha", "flip", "precision")
    chosen = {name: getattr(config, name) for name in (*shared, "checkpointing")}
    return WordConfig(**chosen, lr_schedule="constant", scale_lr=True, clip_norm=0.0)
