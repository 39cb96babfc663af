"""First the word and only the word, then the adapters; every way to stop and go on; a concept of both."""

import itertools

import pytest
import torch
from made_words import WORD, data_for
from PIL import Image

from likewise import checkpoint, diffusion, textual_inversion
from likewise.concept import Concept
from likewise.errors import BadSettingError
from likewise.pivotal import Config, export
from likewise.pivotal.learn import learn
from likewise.teach import teach
from likewise.textual_inversion import vectors
from likewise.textual_inversion.learn import learn as learn_word
from likewise.tuning import preview
from likewise.tuning.memory import weights

SHORT = {"steps": 5, "word_share": 0.4, "lr": 1e-2, "lora_lr": 1e-3, "rank": 2, "alpha": 2.0}


def run(backbone, resume=None, until=None, **options):
    config = Config(**{**SHORT, **options})
    steps, states = [], {}
    generator = learn(backbone, data_for(backbone, config.vectors), config, 0, resume=resume)
    for step in generator:
        steps.append(step)
        states[step.index] = step.state()
        if step.index == until:
            break
    generator.close()
    return steps, states


def split(state):
    """The word's rows, and the adapters."""
    learned = weights(state)
    return vectors(learned)[WORD], {name: value for name, value in learned.items() if name.startswith("unet")}


def everything(backbone):
    modules = {"unet": backbone.unet, "text": backbone.text_encoders[0]}
    return {f"{part}.{name}": value.clone() for part, m in modules.items() for name, value in m.state_dict().items()}


@pytest.mark.parametrize("after", ["kept", "trained"])
def test_the_word_learns_first_then_the_adapters(sd1, after):
    before = everything(sd1)
    steps, states = run(sd1, word_after=after)
    rows, adapters = zip(*(split(states[index]) for index in range(1, 6)), strict=True)
    moved = [not torch.equal(one, two) for one, two in itertools.pairwise(rows)]
    assert moved == ([True, False, False, False] if after == "kept" else [True] * 4)
    learned = [any(not torch.equal(one[n], two[n]) for n in one) for one, two in itertools.pairwise(adapters)]
    assert learned == [False, True, True, True]
    assert all(value.any() for name, value in adapters[2].items() if "up" in name)
    assert [step.lr for step in steps] == pytest.approx([5.5e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    assert all(torch.equal(value, before[name]) for name, value in everything(sd1).items())
    assert not any(module._forward_hooks for module in sd1.unet.modules())


def test_recomputing_activations_changes_memory_and_not_the_result(sd1):
    _, plain = run(sd1)
    _, frugal = run(sd1, checkpointing=True)
    for index, state in plain.items():
        for name, value in weights(state).items():
            assert torch.equal(value, weights(frugal[index])[name]), (index, name)


def test_the_first_part_is_textual_inversion_bit_for_bit(sd1):
    _, states = run(sd1, until=2)
    config = textual_inversion.Config(steps=2, lr=1e-2, clip_norm=1.0)
    *_, step = learn_word(sd1, data_for(sd1), config, 0)
    assert torch.equal(split(states[2])[0], vectors(weights(step.state()))[WORD])


QUICK = [("kept", 2), ("trained", 4)]  # in the first part's end; in the second part
RESUMES = [
    pytest.param(after, stop, marks=() if (after, stop) in QUICK else pytest.mark.slow)
    for after in ("kept", "trained")
    for stop in (1, 2, 3, 4)
]


@pytest.mark.parametrize(("after", "stop"), RESUMES)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(sd1, after, stop):
    options = {"word_after": after, "ema": 0.9, "accumulation": 2, "vectors": 2}
    straight, states = run(sd1, **options)
    rest, resumed = run(sd1, resume=states[stop], **options)
    assert [(s.index, s.losses, s.lr) for s in straight[stop:]] == [(s.index, s.losses, s.lr) for s in rest]
    assert states[5].data == resumed[5].data
    assert states[5].tensors.keys() == resumed[5].tensors.keys()
    assert all(torch.equal(value, resumed[5].tensors[name]) for name, value in states[5].tensors.items())


@pytest.mark.parametrize(("steps", "share", "first"), [(2, 0.1, 1), (2, 0.9, 1), (400, 0.5, 200), (5, 0.4, 2)])
def test_each_part_has_a_step_at_least(steps, share, first):
    assert Config(steps=steps, word_share=share).word_steps == first


def test_settings_that_cannot_work_are_refused():
    for options in ({"steps": 1}, {"word_share": 1.0}, {"steps": 10, "warmup": 6}):
        with pytest.raises(BadSettingError):
            Config.for_family("sd1", options)
    assert Config.for_family("sdxl", {"rank": 4}).alpha == 4
    assert Config.for_family("sdxl", {}).vectors == 2


def test_teach_makes_a_concept_of_both(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "draw", lambda _, asked, *__, **___: [Image.new("RGB", (8, 8))] * len(asked))
    (tmp_path / "rob").mkdir()
    for name, colour in {"a": "red", "b": "green", "c": "blue"}.items():
        Image.new("RGB", (40, 32), colour).save(tmp_path / "rob" / f"{name}.png")
    place = {"backbone": folders["sd1"], "out": tmp_path / "run", "verdict": False, "quiet": True}
    taught = teach(tmp_path / "rob", "robot", method="pivotal", **place, **SHORT)
    assert sorted(taught.concept.parts()) == ["lora", "words"]
    assert (taught.concept.identifier, taught.concept.placeholder) == (None, "<rob>")
    backbone, tensors = diffusion.load(folders["sd1"]), checkpoint.load_state(tmp_path / "run/checkpoints/000005")[0]
    noisy, t = torch.ones(backbone.facts.latent_shape(1)), torch.tensor([500])

    @torch.no_grad()
    def answer(scope):
        with scope as words:
            return backbone.predict(noisy, t, backbone.encode_text(["a <rob>"], words))

    settings = Config(**SHORT).model_dump()
    at_checkpoint = answer(export.applied(backbone, tensors, settings))
    assert (at_checkpoint - answer(Concept.load(taught.run).apply(backbone))).abs().max() <= 1e-6
    early = checkpoint.load_state(tmp_path / "run/checkpoints/000002")[0]
    assert (at_checkpoint - answer(export.applied(backbone, early, settings))).abs().max() > 1e-5
