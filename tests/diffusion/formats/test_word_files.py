"""A learned word is the same rows in every program's file."""

import pytest
import torch
from safetensors.torch import save_file

from likewise.diffusion.formats import word_files
from likewise.errors import WordFileError

ROWS, SECOND = torch.randn(2, 8, generator=torch.Generator().manual_seed(0)), torch.ones(2, 12)
HELD = {
    "learned_embeds.safetensors": {"<rob>": ROWS},
    "learned_embeds.bin": {"<rob>": ROWS},
    "a1111.pt": {"string_to_token": {"*": 265}, "string_to_param": {"*": ROWS}, "name": "<rob>", "step": 10,
                 "sd_checkpoint": None, "sd_checkpoint_name": None},
    "authors.pt": {"string_to_token": {"*": torch.tensor(265)},
                   "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(ROWS)})},
    "rob.safetensors": {"emb_params": ROWS},
    "xl.safetensors": {"clip_g": SECOND, "clip_l": ROWS},
}  # fmt: skip
LAYOUTS = ["diffusers", "diffusers", "a1111-pt", "a1111-pt", "a1111", "sdxl"]


def written(folder, name, held):
    path = folder / name
    (save_file if path.suffix == ".safetensors" else torch.save)(held, path)
    return path


@pytest.mark.parametrize(("name", "layout"), list(zip(HELD, LAYOUTS, strict=True)))
def test_every_layout_gives_the_rows_bit_for_bit(tmp_path, name, layout):
    found = word_files.read(written(tmp_path, name, HELD[name]))
    assert torch.equal(found.rows[0], ROWS)
    assert (found.layout, found.count) == (layout, 2)
    assert found.widths == ((8, 12) if layout == "sdxl" else (8,))
    assert found.token == ("<rob>" if layout == "diffusers" or name == "a1111.pt" else None)


def test_one_vector_is_one_row(tmp_path):
    found = word_files.read(written(tmp_path, "a.safetensors", {"<rob>": torch.ones(8, dtype=torch.float16)}))
    assert torch.equal(found.rows[0], torch.ones(1, 8))


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"a": torch.ones(8), "b": torch.ones(8)}, "2 entries"),
        ({"clip_l": torch.ones(8)}, "clip_l and clip_g are needed"),
        ({"a": torch.ones(2, 2, 2)}, "no vector"),
        ({"a": torch.ones(8, dtype=torch.int64)}, "no vector"),
        ({"a": torch.tensor([1.0, float("nan")])}, "not finite"),
        ({}, "0 entries"),
    ],
)
def test_a_file_of_anything_else_says_what_it_holds(tmp_path, held, message):
    with pytest.raises(WordFileError, match=message):
        word_files.read(written(tmp_path, "a.safetensors", held))


def test_what_is_written_for_each_program_is_read_again(tmp_path):
    for rows in ((ROWS,), (ROWS, SECOND)):
        other = word_files.read(written(tmp_path, "b.safetensors", word_files.for_others(rows)))
        assert all(map(torch.equal, other.rows, rows))
        files = [word_files.read(written(tmp_path, *item)) for item in word_files.for_diffusers("<rob>", rows).items()]
        found = word_files.order(files, [one.shape[1] for one in rows])
        assert found is not None and all(map(torch.equal, found, rows))


def test_rows_go_to_the_encoder_of_their_width_or_nowhere(tmp_path):
    files = [word_files.WordFile((rows,), None, "a1111", {}) for rows in (SECOND, ROWS)]
    assert [one.shape[1] for one in word_files.order(files, [8, 12])] == [8, 12]
    assert word_files.order(files[:1], [8, 12]) is None
    assert word_files.order(files, [8]) is None
    assert word_files.order([files[0], word_files.WordFile((ROWS[:1],), None, "a1111", {})], [8, 12]) is None
