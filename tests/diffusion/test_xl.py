"""SDXL as stock diffusers runs it: both towers, the pooled prompt with and without added words, sizes."""

import pytest
import torch

from likewise import diffusion
from likewise.diffusion import saving, tiny
from likewise.diffusion.latents import TextCache, sizes
from likewise.diffusion.text import pooled_place
from likewise.diffusion.tokens import tokenize
from likewise.errors import SettingError

PROMPTS = ["a photo of <x> on the beach", "<y> with <x>", "<x> and <y> dog", "a robot"]


@pytest.fixture
def words(rng):
    """Two words, <x> of two vectors, for towers that are 32 and 48 wide."""
    return {
        name: tuple(torch.randn(rows, width, generator=rng) for width in (32, 48))
        for name, rows in (("<x>", 2), ("<y>", 1))
    }


@pytest.fixture(scope="module")
def stock(folders):
    from diffusers import StableDiffusionXLPipeline

    return StableDiffusionXLPipeline.from_pretrained(folders["sdxl"])


def added(pipe, words):
    """Stock diffusers with the words as real new tokens in both tokenizers and tables; stock spells <x> out itself."""
    parts = zip((pipe.tokenizer, pipe.tokenizer_2), (pipe.text_encoder, pipe.text_encoder_2), strict=True)
    for index, (tokenizer, encoder) in enumerate(parts):
        for name, vectors in words.items():
            rows = vectors[index]
            tokenizer.add_tokens([name if i == 0 else f"{name}_{i}" for i in range(len(rows))])
            encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
            with torch.no_grad():
                encoder.get_input_embeddings().weight[-len(rows) :] = rows

    def encode(prompt):
        with torch.no_grad():
            embeds, _, pooled, _ = pipe.encode_prompt(prompt, device="cpu", do_classifier_free_guidance=False)
        return embeds[0], pooled[0]

    return encode


@pytest.mark.filterwarnings("ignore")
def test_prompts_with_and_without_words_are_encoded_as_stock_diffusers_does(sdxl, folders, words):
    from diffusers import StableDiffusionXLPipeline

    encode = added(StableDiffusionXLPipeline.from_pretrained(folders["sdxl"]), words)
    with torch.no_grad():
        ours, at_end = sdxl.encode_text(PROMPTS, words), sdxl.encode_text(PROMPTS, words, pooling="eos")
    assert ours.embeds.shape == (4, 77, 80) and ours.pooled.shape == (4, 24)
    assert torch.equal(ours.embeds, at_end.embeds)
    for row, prompt in enumerate(PROMPTS):
        embeds, pooled = encode(prompt)
        assert torch.allclose(ours.embeds[row], embeds, atol=1e-6), prompt
        assert torch.allclose(ours.pooled[row], pooled, atol=1e-6), prompt
        assert torch.allclose(at_end.pooled[row], pooled, atol=1e-6) == ("<" not in prompt)


def test_the_pooled_state_is_read_where_the_setting_says(sdxl, words):
    rows = {name: vectors[1] for name, vectors in words.items()}
    tokens = tokenize(sdxl.tokenizers[1], "<y> with <x> dog", rows, 77)
    assert [place for place, _, _ in tokens.gaps] == [1, 3, 4]
    assert pooled_place(tokens, 2, "eos", ["<x>", "<y>"]) == 6  # after dog
    assert pooled_place(tokens, 2, "argmax", ["<x>", "<y>"]) == 1  # <y> was added last and has the highest id
    assert pooled_place(tokens, 2, "argmax", ["<y>", "<x>"]) == 4  # the last row of <x>
    end = sdxl.tokenizers[1].eos_token_id
    assert {pooled_place(tokens, end, how, ["<x>", "<y>"]) for how in ("eos", "argmax")} == {6}  # a true eos_token_id


def test_gradients_reach_the_rows_of_both_towers(sdxl, words):
    leaves = {name: tuple(rows.requires_grad_() for rows in pair) for name, pair in words.items()}
    text = sdxl.encode_text(["a photo of <x>"], leaves)
    (text.embeds.square().sum() + text.pooled.square().sum()).backward()
    assert all((rows.grad.abs().sum(dim=1) > 0).all() for rows in leaves["<x>"])
    assert all(rows.grad is None for rows in leaves["<y>"])


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.zeros(1, 32), "1 tensor.*each of its 2 text encoder"),
        ((torch.zeros(1, 32), torch.zeros(1, 32)), r"\(K, 48\)"),
        ((torch.zeros(1, 32), torch.zeros(2, 48)), "1 and 2 rows"),
    ],
)
def test_vectors_that_do_not_fit_both_towers_are_refused(sdxl, vectors, message):
    with pytest.raises(SettingError, match=message):
        sdxl.encode_text(["<x>"], {"<x>": vectors})


def test_one_tensor_or_a_tuple_of_one_is_the_same_to_a_model_with_one_tower(sd1, rng):
    rows = torch.randn(2, 32, generator=rng)
    one, other = (sd1.encode_text(["a <x>"], {"<x>": value}).embeds for value in (rows, (rows,)))
    assert torch.equal(one, other)


def test_the_empty_prompt_is_zero_where_the_model_says_so_as_in_stock(sdxl, stock, folders, tmp_path):
    with torch.no_grad():
        _, embeds, _, pooled = stock.encode_prompt("a dog", device="cpu", do_classifier_free_guidance=True)
        ours = sdxl.encode_text(["a dog", ""])
    assert torch.equal(ours.embeds[1], embeds[0]) and torch.equal(ours.pooled[1], pooled[0])
    assert ours.pooled[0].any()
    folder = saving.save(sdxl, tmp_path / "model")
    index = folder / "model_index.json"
    index.write_text(
        index.read_text().replace('"force_zeros_for_empty_prompt": true', '"force_zeros_for_empty_prompt": false')
    )
    assert diffusion.load(folder).encode_text([""]).pooled.any()


def test_each_picture_has_its_own_sizes_and_without_them_it_is_whole(sdxl, rng):
    noisy, t = torch.randn(2, 4, 16, 16, generator=rng), torch.tensor([3, 700])
    text = sdxl.encode_text(["a dog", "a cat"])
    whole = torch.tensor([[32.0, 32, 0, 0, 32, 32]] * 2)
    other = torch.tensor([[32.0, 32, 0, 0, 32, 32], [600, 400, 4, 0, 32, 32]])
    with torch.no_grad():
        plain, same, cropped = (sdxl.predict(noisy, t, text.sized(rows)) for rows in (None, whole, other))
    assert torch.equal(plain, same)
    assert torch.equal(plain[0], cropped[0]) and not torch.equal(plain[1], cropped[1])


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (512, 512, [512, 512, 0, 0]),
        (2048, 1024, [1024, 2048, 0, 512]),  # scaled by 1: 512 px left and right are cut off
        (1000, 3000, [3000, 1000, 1024, 0]),  # scaled to 1024 x 3072
        (100, 150, [150, 100, 256, 0]),  # a small original is told of as small
    ],
)
def test_sizes_agree_with_the_crop(width, height, expected):
    assert sizes(width, height, (1024, 1024)).tolist() == [*expected, 1024, 1024]


def test_sizes_agree_with_the_crop_to_a_bucket():
    # 2000 x 1000 covers 1344 x 704 when scaled by .704 to 1408 x 704: 32 pixels go left and right
    assert sizes(2000, 1000, (1344, 704)).tolist() == [1000, 2000, 0, 32, 704, 1344]


def test_text_keeps_all_its_parts_through_every_change(sdxl):
    text = sdxl.encode_text(["a dog", "a cat"]).sized(torch.arange(12.0).view(2, 6))
    for changed in (text[[1]], text.repeat(2)[2:3], text.detach()[1:], text.to("cpu")[[1]]):
        assert all(torch.equal(part, whole[1:]) for part, whole in zip(parts(changed), parts(text), strict=True))


def parts(text):
    return text.embeds, text.pooled, text.sizes


def test_cached_prompts_carry_their_pooled_state(sdxl, tmp_path):
    with torch.no_grad():
        direct = sdxl.encode_text(["a dog"])
    for _ in range(2):
        found = TextCache(tmp_path, sdxl).encode(["a dog"])
        assert torch.equal(found.embeds, direct.embeds) and torch.equal(found.pooled, direct.pooled)


def test_a_saved_model_is_read_by_stock_diffusers(sdxl, tmp_path):
    from diffusers import StableDiffusionXLPipeline

    theirs = StableDiffusionXLPipeline.from_pretrained(saving.save(sdxl, tmp_path / "model"))
    for ours, stocks in zip(sdxl.text_encoders, (theirs.text_encoder, theirs.text_encoder_2), strict=True):
        assert all(torch.equal(stocks.state_dict()[name], value) for name, value in ours.state_dict().items())
    again = diffusion.load(tmp_path / "model")
    assert torch.equal(again.encode_text(["a dog"]).pooled, sdxl.encode_text(["a dog"]).pooled)


def test_the_families_are_told_apart_by_their_configs(folders):
    found = {family: diffusion.load(folders[family]).facts for family in ("sd2", "sd2-v", "sdxl")}
    assert [one.family for one in found.values()] == ["sd2", "sd2", "sdxl"]
    assert [one.prediction_type for one in found.values()] == ["epsilon", "v_prediction", "epsilon"]
    assert [one.scaling_factor for one in found.values()] == [0.18215, 0.18215, 0.13025]
    assert found["sdxl"].sized and not found["sd2"].sized


def test_a_tiny_model_of_another_prediction_type_can_be_made(tmp_path):
    folder = tiny.pipeline(tmp_path / "v", "sdxl", prediction="v_prediction")
    assert diffusion.load(folder).facts.prediction_type == "v_prediction"
