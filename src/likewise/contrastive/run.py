"""A contrastive run from a folder of photos to an encoder that `likewise.encoders.load` opens."""

import warnings
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likewise import checkpoint, devices, encoders, records, settings, training
from likewise.contrastive import photos as photo_files
from likewise.contrastive import student as students
from likewise.contrastive import teacher as teachers
from likewise.contrastive import views
from likewise.contrastive.config import Config
from likewise.contrastive.distributed import joined, rank, world
from likewise.contrastive.photos import Photos
from likewise.contrastive.rules import SHARES
from likewise.contrastive.trainer import Material, learn, recipe
from likewise.encoders import learned
from likewise.errors import CutCaptionsWarning, IdleRuleWarning, RunExistsError

SAVES = 8  # about how many checkpoints a run makes


@dataclass(frozen=True)
class Learned:
    """How a run ended."""

    encoder: Path  # its folder
    steps: int
    loss: float  # mean of the last tenth of the steps
    photos: int
    note: str  # where views were made and why


def fit(
    folder: str | Path,
    *,
    out: str | Path,
    seed: int = 0,
    device: str | None = None,
    resume: bool = False,
    skip_bare: bool = False,
    quiet: bool = True,
    resume_command: str | None = None,
    **options: Any,
) -> Learned:
    """Learn an encoder from the photos under a folder; settings are those of `Config`.

    Of photos that metadata.jsonl gives a split, those of "train" are learned from, otherwise all. out: the run folder,
    with a log, checkpoints and the result in `encoder`. skip_bare: leave out photos without captions where the
    objective needs them. Raises the errors of photos.load and photos.captioned, EncoderMissingError, SettingError.
    """
    config = settings.build(Config, options, "The settings")
    if not resume and checkpoint.latest(Path(out) / "checkpoints"):
        raise RunExistsError(Path(out))
    with joined():
        chosen = devices.choose(device)
        found = _photos(Path(folder), config, skip_bare)
        learner = _Learner(config, found, Path(out), seed, chosen)
        return learner.learn(resume, quiet, resume_command)


class _Learner:
    """One run: what it learns from and where it goes. Of several processes only the first writes."""

    def __init__(self, config: Config, found: Photos, out: Path, seed: int, device: devices.Device) -> None:
        self.config, self.found, self.out, self.seed, self.device = config, found, out, seed, device
        self.words, self.material = _material(found, config, out)
        self.text = None
        if self.words is not None:
            assert self.material.ids is not None
            self.text = {"vocabulary": len(self.words), "length": self.material.ids.shape[1]}
            self.text |= {"width": config.text_width, "layers": config.text_layers}
        self.student = students.make(config, seed, self.text)

    def learn(self, resume: bool, quiet: bool, command: str | None) -> Learned:
        """Train to the end and export."""
        config, out = self.config, self.out
        asked = {"settings": settings.record(config), "seed": self.seed, "photos": self.material.hash}
        state = training.resume_state(out, asked) if resume else None
        place, note = _place(config, self.device)
        steps = learn(self.student, self.material, config, self.seed, self.device, views_on=place, resume=state)
        if rank():
            last = deque(steps, maxlen=1)
            loss = last[0].losses["contrastive"] if last else _last_loss(out)
            return Learned(out / "encoder", config.steps, loss, len(self.found), note)
        each = -(-config.steps // SAVES)
        how = {"total": config.steps, "save_every": each, "keep": 2, "quiet": quiet, "resume_command": command}
        outcome = training.run(steps, folder=out, config=asked, **how)
        newest = training.resume_state(out, asked)
        assert newest is not None, "a finished run has a checkpoint"
        weights = {k.removeprefix("weight/"): v for k, v in newest.tensors.items() if k.startswith("weight/")}
        self.student.load_state_dict(weights)
        about = records.record(config, seed=self.seed, photos=self.found.hash, views=note, processes=world())
        checkpoint.write_json(out / "record.json", about)
        export(self.student, config, out / "encoder", self.words, self.text)
        return Learned(out / "encoder", outcome.step, _last_loss(out), len(self.found), note)


def export(student: students.Student, config: Config, folder: Path, words: Any = None, text: Any = None) -> None:
    """Write the encoder's folder; an earlier one there goes once the new one is whole."""
    about = {
        "name": f"contrastive-{config.backbone}",
        "backbone": config.backbone,
        "size": config.size,
        "projection": config.projection if text else None,
        "text": text,
        "objective": config.objective,
    }
    learned.save(folder, about, student.encoder_tensors(), words, replace=True)


def _photos(folder: Path, config: Config, skip_bare: bool) -> Photos:
    found = photo_files.load(folder, config.source_size)
    if config.reads_texts:
        found = photo_files.captioned(found, f"the objective {config.objective}", skip=skip_bare)
    named = photo_files.named_split(found)
    return found[named[0]] if named else found


def _material(found: Photos, config: Config, out: Path) -> tuple[Any, Material]:
    if config.reads_texts:
        words = students.tokenizer()
        ids, cut = students.read_captions(words, [caption or "" for caption in found.captions])
        if cut:
            warnings.warn(CutCaptionsWarning(cut, len(found), students.LONGEST), stacklevel=3)
        return words, Material(found.pixels, found.hash, ids)
    if not config.rules:
        return None, Material(found.pixels, found.hash)
    _warn_of_idle_rules(config)
    encoder = encoders.load(config.teacher)
    origin = f"{found.hash} taught by {encoder.hash}"
    if config.teacher_view == "views":
        return None, Material(found.pixels, origin, teacher=encoder)
    rows = teachers.features(encoder, found, None if rank() else out / "teacher")
    return None, Material(found.pixels, origin, taught=torch.from_numpy(np.asarray(rows)))


def _warn_of_idle_rules(config: Config) -> None:
    count = config.batch * config.views
    shares = config.shares or tuple(SHARES[rule] for rule in config.rules)
    for rule, share in zip(config.rules, shares, strict=True):
        if rule.startswith("drop") and int(share * count) == 0:
            warnings.warn(IdleRuleWarning(rule, share, count), stacklevel=4)


def _place(config: Config, chosen: devices.Device) -> tuple[str, str]:
    """Where views are made, and a sentence about it."""
    if chosen.kind == "cpu":
        return "cpu", "views are made on cpu, the only device here in use"
    if config.views_on != "probe":
        place = "cpu" if config.views_on == "cpu" else chosen.kind
        return place, f"views are made on {place}, as was asked"
    probe = views.probe(recipe(config), config.source_size, ["cpu", chosen.kind])
    return probe.fastest, probe.note


def _last_loss(out: Path) -> float:
    events = [event for event in records.Events(out / "events.jsonl").read() if "losses" in event]
    last = events[-max(1, len(events) // 10) :]
    return sum(event["losses"]["contrastive"] for event in last) / len(last)
