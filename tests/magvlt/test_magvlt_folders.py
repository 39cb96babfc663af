"""Models in files: ours go out and come back, official ones load by key, and nothing else does."""

import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from magvlt_made import keyed, tiny
from safetensors.torch import save_file

import tiny_drafter
from likewise import checkpoint, magvlt, seeds
from likewise.errors import (
    BadSettingError,
    BrokenFileError,
    DraftFolderError,
    DraftModelMissingError,
    LikewiseError,
    NoRankingError,
    OfficialWeightsError,
    SettingError,
    UnsafeFileError,
)
from likewise.magvlt import folder, official, rank
from likewise.magvlt.config import Drawing
from likewise.magvlt.drafter import Drafter
from likewise.magvlt.vq import ImageTokens, nearest

HERE = Path(__file__).parent
SMALL = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
    "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D"), "block_out_channels": (32, 64),
    "layers_per_block": 2, "latent_channels": 8, "num_vq_embeddings": 12, "vq_embed_dim": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tiny_drafter.folder(tmp_path_factory.mktemp("tiny") / "model")


# Official checkpoints


def lightning(path, tensors, **more):
    """A file as Lightning writes it; torch.save is what the loader must cope with, and what it never calls."""
    torch.save({"epoch": 3, "state_dict": tensors, "lr_schedulers": [], **more}, path)


def authors_names(model):
    return {f"model.{name}": value.detach() for name, value in model.state_dict().items()}


def test_a_checkpoint_with_the_authors_keys_loads_strictly(tmp_path):
    model = tiny(length_mode="reference")
    lightning(tmp_path / "a.ckpt", authors_names(model))
    loaded = official.transformer(tmp_path / "a.ckpt", model.shape)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    save_file({k: v.contiguous() for k, v in authors_names(model).items()}, tmp_path / "a.safetensors")
    assert torch.equal(
        official.transformer(tmp_path / "a.safetensors", model.shape).tok_emb.weight, model.tok_emb.weight
    )


def test_a_sharded_run_s_file_has_one_prefix_more(tmp_path):
    model = tiny(length_mode="reference")
    torch.save({"module": {f"module.{k}": v for k, v in authors_names(model).items()}}, tmp_path / "a.ckpt")
    assert torch.equal(official.transformer(tmp_path / "a.ckpt", model.shape).tok_emb.weight, model.tok_emb.weight)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("model.tok_emb_spc.weight"), "1 missing .such as tok_emb_spc.weight"),
        (lambda t: t.update({"model.extra": torch.zeros(1)}), "1 unknown .such as extra"),
        (lambda t: t.update({"model.tok_emb_spc.weight": torch.zeros(6, 32)}), r"another shape .*\(6, 32\) instead"),
    ],
)
def test_missing_unknown_and_misshapen_tensors_are_named(tmp_path, change, problem):
    model = tiny(length_mode="reference")
    tensors = authors_names(model)
    change(tensors)
    lightning(tmp_path / "a.ckpt", tensors)
    with pytest.raises(OfficialWeightsError, match=problem):
        official.transformer(tmp_path / "a.ckpt", model.shape)


class Harmless:
    def __reduce__(self):
        return (open, ("never", "w"))


def test_a_file_that_holds_an_object_is_refused_and_not_run(tmp_path):
    model = tiny(length_mode="reference")
    lightning(tmp_path / "a.ckpt", authors_names(model), hyper_parameters={"tokenizer": Harmless()})
    with pytest.raises(UnsafeFileError, match="open"):
        official.transformer(tmp_path / "a.ckpt", model.shape)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_files_that_are_no_checkpoints_are_told(tmp_path, content):
    path = tmp_path / "a.ckpt"
    if content is None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a/nothing", b"")
        content = buffer.getvalue()
    path.write_bytes(content)
    with pytest.raises(BrokenFileError):
        official.read(path)
    torch.save({"state_dict": {"model.x": 3}}, path)
    with pytest.raises(BrokenFileError, match="other things than tensors"):
        official.read(path)


def test_the_vqgan_s_layout_gives_what_the_authors_vqgan_gives(tmp_path):
    """Recorded by record_authors.py from their VQGAN with keyed weights: codes and pictures."""
    recorded, _ = checkpoint.read_tensors(HERE / "authors_vqgan.safetensors")
    shapes = {k.removeprefix("shape/"): v.tolist() for k, v in recorded.items() if k.startswith("shape/")}
    tensors = {f"model_vqvae.{name}": keyed_tensor(name, size) for name, size in shapes.items()}
    lightning(tmp_path / "vqgan.ckpt", tensors)
    tokens = ImageTokens(official.vqgan(tmp_path / "vqgan.ckpt", SMALL), 16)
    image = torch.rand(2, 3, 16, 16, generator=seeds.stream(0, "image"))
    assert torch.equal(tokens.encode(image), recorded["codes"].long())
    assert torch.allclose(tokens.decode(recorded["codes"].long()), recorded["drawn"], atol=1e-5)
    alone = {name.removeprefix("model_vqvae."): value for name, value in tensors.items()}
    lightning(tmp_path / "alone.ckpt", alone | {"loss.logvar": torch.zeros(1)})
    again = ImageTokens(official.vqgan(tmp_path / "alone.ckpt", SMALL), 16)
    assert torch.equal(again.encode(image), recorded["codes"].long())


def keyed_tensor(name, size):
    drawn = seeds.randn(size, 0, name) * (0.5 if "quantize" in name else 0.1)
    return drawn + 1 if "norm" in name and name.endswith("weight") else drawn


# Our folders


def test_a_model_goes_out_and_comes_back(place, tmp_path):
    parts = folder.read(place)
    again = folder.read(folder.write(tmp_path / "again", parts))
    assert all(torch.equal(v, again.model.state_dict()[k]) for k, v in parts.model.state_dict().items())
    assert again.pictures.hash == parts.pictures.hash and torch.equal(again.lengths, parts.lengths)
    assert (
        Drafter(again).draft("a red dog", candidates=2)[0].image
        == Drafter(parts).draft("a red dog", candidates=2)[0].image
    )


def test_half_precision_halves_the_file(place, tmp_path):
    parts = folder.read(place)
    half = folder.write(tmp_path / "half", parts, dtype=torch.float16)
    sizes = [(path / folder.WEIGHTS).stat().st_size for path in (half, place)]
    assert sizes[0] < 0.6 * sizes[1] and folder.read(half).model.tok_emb.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda about: about["shape"].update(width=31), "multiple of heads"),
        (lambda about: about.pop("lengths"), "lengths"),
        (lambda about: about.update(drawing={"warm": -1}), "warm"),
        (lambda about: about["shape"].update(image_codes=25), "size mismatch|shape"),
        (lambda about: about.update(pixels=64), "image tokens a side are 8"),
        (lambda about: about.update(tokenizer="nowhere"), "neither tokenizer.json nor vocab.json"),
        (lambda about: about.update(lengths=[1, 2]), "caption lengths are 2"),
    ],
)
def test_parts_that_do_not_fit_are_told(place, tmp_path, change, problem):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    about = checkpoint.read_json(copy / "config.json")
    change(about)
    checkpoint.write_json(copy / "config.json", about)
    with pytest.raises(LikewiseError, match=problem):
        folder.read(copy)


def test_a_folder_without_a_model_and_an_installation_without_weights_say_so(tmp_path, monkeypatch):
    with pytest.raises(DraftFolderError, match="no such folder"):
        magvlt.load(tmp_path / "nowhere")
    monkeypatch.setattr(folder, "EMBEDDED", tmp_path)
    with pytest.raises(DraftModelMissingError, match="toybox learn"):
        magvlt.load("toybox")


def test_a_folder_says_how_its_model_draws_best_and_a_caller_may_say_otherwise(place, tmp_path):
    assert magvlt.load(place).drawing() == Drawing()
    parts = replace(folder.read(place), drawing={"guidance": 2.5, "steps": 3})
    kept = magvlt.load(folder.write(tmp_path / "kept", parts))
    assert kept.drawing(steps=4) == Drawing(guidance=2.5, steps=4)
    plain, own = kept.draft("a dog", how=Drawing(), candidates=1)[0], kept.draft("a dog", candidates=1)[0]
    assert not torch.equal(plain.codes, own.codes)
    assert torch.equal(own.codes, kept.draft("a dog", how=kept.drawing(), candidates=1)[0].codes)
    with pytest.raises(BadSettingError):
        kept.drawing(warm=0)


# Tokens, ranks, answers


def test_the_nearest_code_is_the_nearest():
    rng = seeds.stream(0, "rows")
    rows, book = torch.randn(50, 4, generator=rng), torch.randn(9, 4, generator=rng)
    assert torch.equal(nearest(rows, book), torch.cdist(rows, book).argmin(1))


def test_the_best_of_each_group_is_kept():
    assert rank.best(np.array([1.0, 3, 2, 5, 4, 5]), 3).tolist() == [1, 3]


def test_a_text_that_fits_scores_higher_for_a_model_that_knows():
    model = tiny()
    model.lm_layer.output_bias.data[model.shape.image_codes + 3] = 20.0  # always says 3
    image = torch.zeros(2, 9, dtype=torch.long)
    text = torch.tensor([[3, 3, 14, 14, 14, 14, 14, 14], [4, 4, 14, 14, 14, 14, 14, 14]])
    scores = rank.by_model(model, image, text, torch.tensor([2, 2]))
    assert scores[0] > -1 and scores[1] < -10


def test_candidates_are_ranked_by_an_encoder_that_reads_both(place):
    class Bright:
        """Likes bright pictures, whatever the text."""

        name, hash, preprocessing, dimension = "bright", "0" * 64, "none", 2

        def embed(self, pictures):
            light = np.array([np.asarray(p).mean() / 255 for p in pictures])
            return np.stack([np.cos(light), np.sin(light)], 1).astype(np.float32)

        def embed_texts(self, texts):
            return np.array([[np.cos(1), np.sin(1)]] * len(texts), np.float32)

    best = magvlt.load(place, encoder=Bright()).draft("a red dog", candidates=5, seed=4)[0]
    alone = [magvlt.load(place).draft("a red dog", candidates=k + 1, seed=4)[0] for k in range(1)]
    assert np.asarray(best.image).mean() >= np.asarray(alone[0].image).mean()
    with pytest.raises(NoRankingError, match="reads no texts"):
        magvlt.load(place, encoder=type("Blind", (), {"name": "blind"})())


def test_no_answers_are_refused(place):
    with pytest.raises(SettingError, match="at least 1"):
        magvlt.load(place).draft("a dog", n=0)


def test_keyed_models_are_what_the_recorder_used():
    assert torch.equal(tiny().tok_emb.weight, keyed(tiny(seed=3), 0).tok_emb.weight)
