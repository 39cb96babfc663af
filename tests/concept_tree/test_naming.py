"""Names of nodes, and their files: in stock diffusers, in other programs, and as the authors wrote theirs."""

import zipfile

import pytest
import torch

from likewise import checkpoint, diffusion
from likewise.concept import library
from likewise.concept_tree import installing, naming, released
from likewise.concept_tree.tree import pack, unpack
from likewise.diffusion.formats import word_files
from likewise.errors import (
    BrokenFileError,
    ConceptNameError,
    ForeignTreeError,
    NameTakenError,
    SparseNodeWarning,
    UnsafeFileError,
    WordFileError,
)

PAPER = {
    "cat": 6, "bear": (1, 2, 5, 6), "buddha": (1, 2, 5, 6), "mug": (1, 2, 5, 6), "teapot": (1, 2, 5, 6),
    "round_bird": (1, 2, 5, 6), "elephant": 2, "wooden_pot": 2, "physics_mug": 2, "red_teapot": 2, "mug_buildings": 2,
}  # fmt: skip


def test_a_childs_parent_is_its_parent_for_a_thousand_nodes():
    for index in range(1000):
        left, right = naming.children(index)
        assert naming.parent(left) == naming.parent(right) == index
        assert naming.side(left) == "left" and naming.side(right) == "right"
        assert naming.depth(left) == naming.depth(index) + 1
        assert naming.number(naming.label(index)) == index
    assert naming.parent(0) is None and naming.depth(0) == 0
    assert [naming.children(0), naming.children(1), naming.children(2)] == [(1, 2), (3, 4), (5, 6)]


def test_what_stands_under_a_node_is_what_walking_up_says():
    def above(index):
        while index is not None:
            yield index
            index = naming.parent(index)

    for index in range(80):
        for top in range(20):
            assert naming.below(index, top) == (index != top and top in above(index))


def test_a_branch_that_moves_keeps_its_shape():
    for old, new in ((0, 5), (2, 1), (1, 1)):
        for index in [old, *(one for one in range(60) if naming.below(one, old))]:
            there = naming.moved(index, old, new)
            assert there == new or naming.below(there, new)
            assert [naming.moved(child, old, new) for child in naming.children(index)] == list(naming.children(there))


@pytest.mark.parametrize("name", ["v", "v01", "x1", "v1 ", "v-1", "V1", "v9999999999"])
def test_what_is_no_name_of_a_node(name):
    assert naming.number(name) is None


def test_a_trees_name_that_prompts_cannot_say_is_refused(sd1, pictures, tmp_path):
    from made_trees import plant

    with pytest.raises(ConceptNameError):
        plant(sd1, pictures, tmp_path / "cat", name="My Cat")
    assert not (tmp_path / "cat").exists()


def test_vectors_on_the_way_survive_the_disk(tmp_path, rng):
    one = {50: torch.randn(1, 4, generator=rng), 100: torch.randn(1, 4, generator=rng)}
    two = {50: (torch.randn(1, 4, generator=rng), torch.randn(1, 6, generator=rng))}
    for index, steps in enumerate((one, two)):
        path = tmp_path / f"{index}.safetensors"
        checkpoint.write_tensors(path, pack(steps))
        again = unpack(checkpoint.read_tensors(path)[0])
        assert again.keys() == steps.keys()
        for step, rows in steps.items():
            pairs = zip(rows, again[step], strict=True) if isinstance(rows, tuple) else [(rows, again[step])]
            assert all(torch.equal(*pair) for pair in pairs)


def test_a_nodes_file_has_one_key_and_float32_rows_bit_for_bit(grown):
    path = grown.place("v1") / "concept" / "learned_embeds.safetensors"
    tensors, _ = checkpoint.read_tensors(path)
    assert list(tensors) == ["<cat_v1>"] and tensors["<cat_v1>"].dtype == torch.float32
    assert torch.equal(tensors["<cat_v1>"], grown.words()["<cat_v1>"]) and tensors["<cat_v1>"].shape == (1, 32)


@pytest.mark.filterwarnings("ignore")
def test_stock_diffusers_loads_nodes_as_single_tokens_and_v1_is_no_part_of_v10(grown, sd1, folders, tmp_path):
    from diffusers import StableDiffusionPipeline

    ten = torch.arange(32.0)[None]
    checkpoint.write_tensors(tmp_path / "ten.safetensors", {"<cat_v10>": ten})
    pipe = StableDiffusionPipeline.from_pretrained(folders["sd1"], safety_checker=None)
    for path in (*(grown.place(node) / "concept" / "learned_embeds.safetensors" for node in ("v1", "v2")),):
        pipe.load_textual_inversion(str(path))
    pipe.load_textual_inversion(str(tmp_path / "ten.safetensors"))
    prompt = "a photo of a <cat_v1> <cat_v10>"
    ids = pipe.tokenizer(prompt).input_ids[1:-1]
    known = pipe.tokenizer.convert_tokens_to_ids(["<cat_v1>", "<cat_v10>"])
    assert ids[-2:] == known and len(set(known)) == 2
    words = {**grown.words(), "<cat_v10>": ten}
    ours = sd1.encode_text([prompt], words).embeds
    assert ours.allclose(pipe.encode_prompt(prompt, "cpu", 1, False)[0], atol=1e-5)


def test_a_node_is_exported_for_other_programs_like_any_concept(grown, tmp_path):
    installing.install(grown)
    library().export("cat_v1", tmp_path / "files")
    found = [word_files.read(path) for path in (tmp_path / "files").glob("*.safetensors")]
    assert {one.layout for one in found} == {"diffusers", "a1111"}
    assert all(torch.equal(one.rows[0], grown.words()["<cat_v1>"]) for one in found)


def test_a_name_of_someone_elses_in_the_library_is_not_taken(grown, sd1):
    from concepts_made import word

    library().add(word(sd1, "cat_v1"))
    with pytest.raises(NameTakenError):
        installing.install(grown)
    assert library().names() == ["cat_v1"]


# The authors' files


def paper(path, width=32):
    """A file as they released it: a table for each concept, a flat vector a node."""
    table, rng = {}, torch.Generator().manual_seed(0)
    for name, nodes in PAPER.items():
        numbers = range(1, nodes + 1) if isinstance(nodes, int) else nodes
        table[name] = {f"<{name}_v{index}>": torch.randn(width, generator=rng) for index in numbers}
    torch.save(table, path)
    return table


def test_eleven_concepts_and_thirty_six_vectors_are_read_from_the_released_layout(tmp_path):
    table = paper(tmp_path / "paper_tokens.bin", 768)
    found = released.read(tmp_path / "paper_tokens.bin")
    assert len(found) == 11 and sum(map(len, found.values())) == 36
    assert list(found["cat"]) == ["v1", "v2", "v3", "v4", "v5", "v6"] and list(found["bear"]) == [
        "v1",
        "v2",
        "v5",
        "v6",
    ]
    assert torch.equal(found["round_bird"]["v5"], table["round_bird"]["<round_bird_v5>"][None])


def test_a_nodes_own_file_is_a_tree_called_by_its_folder(tmp_path):
    (tmp_path / "teapot").mkdir()
    torch.save({"v3": torch.ones(768)}, tmp_path / "teapot" / "embeds.bin")
    assert list(released.read(tmp_path / "teapot" / "embeds.bin")) == ["teapot"]


def test_the_long_numbers_by_which_old_torch_named_storages_are_read(tmp_path):
    path, old = tmp_path / "new.bin", tmp_path / "embeds.bin"
    torch.save({"v1": torch.arange(768.0)}, path)
    key = b"94832105733920"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(old, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                data = data.replace(b"X\x01\x00\x00\x000", b"X" + len(key).to_bytes(4, "little") + key)
            target.writestr(entry.filename.replace("data/0", f"data/{key.decode()}"), data)
    assert torch.equal(
        released.read(old)[tmp_path.name.replace("_", "_")[:30].strip("-_")]["v1"][0], torch.arange(768.0)
    )


def test_released_words_become_trees_that_prompts_can_name(sd1, tmp_path):
    paper(tmp_path / "paper_tokens.bin")
    with pytest.warns(SparseNodeWarning, match="no pictures"):
        trees = released.plant(tmp_path / "paper_tokens.bin", tmp_path / "trees", sd1)
    assert len(trees) == 11
    cat = trees[0]
    assert cat.nodes == ["v0", "v1", "v2", "v3", "v4", "v5", "v6"] and cat.under("v1") == ["v3", "v4"]
    assert sd1.encode_text(["a <cat_v5> <cat_v1>"], cat.words()).embeds.isfinite().all()
    assert cat.images("v1") == []


def test_a_word_read_from_a_file_draws_its_own_pictures_when_it_is_split(sd1, tmp_path):
    from made_trees import plant

    torch.save({"pot": {"<pot_v1>": torch.ones(32)}}, tmp_path / "pot.bin")
    with pytest.warns(SparseNodeWarning):
        (tree,) = released.plant(tmp_path / "pot.bin", tmp_path, sd1)
    plant(sd1, tree, None, nodes=["v1"], name="pot")
    assert tree.nodes == ["v0", "v1", "v3", "v4"] and len(tree.images("v1")) == 2


@pytest.mark.parametrize(
    ("held", "error"),
    [
        ({"cat": {"nonsense": torch.ones(4)}}, ForeignTreeError),
        ({}, ForeignTreeError),
        ([torch.ones(4)], ForeignTreeError),
        ({"v1": "text"}, ForeignTreeError),
        ({"v1": torch.full((4,), torch.nan)}, BrokenFileError),
    ],
)
def test_a_file_of_something_else_says_so(tmp_path, held, error):
    torch.save(held, tmp_path / "embeds.bin")
    with pytest.raises(error):
        released.read(tmp_path / "embeds.bin")


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"v1": print}, tmp_path / "embeds.bin")
    with pytest.raises(UnsafeFileError, match="print"):
        released.read(tmp_path / "embeds.bin")


def test_words_of_another_width_are_refused_before_anything_is_written(toybox, folders, tmp_path):
    paper(tmp_path / "paper_tokens.bin", 768)
    with pytest.raises(WordFileError, match="768 wide"):
        released.plant(tmp_path / "paper_tokens.bin", tmp_path / "trees", diffusion.load(folders["sd1"]))
    assert not (tmp_path / "trees").exists()
