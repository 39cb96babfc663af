"""Training: what is lost where, what the second pass sees, how pairs are mixed, and that stopping changes nothing."""

import copy
import math
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice, pairwise

import pytest
import torch
import torch.nn.functional as F
from magvlt_made import random_pair, shape, tiny

from likewise import seeds, training
from likewise.errors import MixSelError, NonFiniteLossError, ResumeMismatchError, SettingError, TokenFileError
from likewise.magvlt import data, masking, mixsel, objective, unroll
from likewise.magvlt.config import Config
from likewise.magvlt.layout import Special, pair
from likewise.magvlt.learn import Passes, drawn, gradients, learn, pick, rate
from likewise.magvlt.pieces import Pieces
from likewise.words.tokenizer import ids_of

BAR, END = 13, 14


def pairs(count=24, joined=True, size=None, **changes):
    size = size or shape(**changes)
    random = random_pair(size, count)
    captions = [row[: max(1, n - 1)].clamp(max=12).tolist() for row, n in zip(random.text, random.length, strict=True)]

    def join(first, second, upright):
        return (random.image[first] + random.image[second] + int(upright)) % size.image_codes

    return data.pack(random.image, captions, (BAR, END), size, join if joined else None)


def run(config, seed=0, resume=None, model=None, given=None, count=None):
    model = model or tiny()
    steps = list(islice(learn(model.requires_grad_(True), given or pairs(), config, seed, resume=resume), count))
    return steps, {name: value.detach().clone() for name, value in model.named_parameters()}


# Captions cut anew


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import CLIPTokenizer

    from likewise.toybox.embedded import WEIGHTS

    return CLIPTokenizer.from_pretrained(WEIGHTS / "toybox" / "tokenizer", local_files_only=True)


def test_words_are_cut_into_other_pieces_that_spell_the_same(tokenizer):
    pieces, text = Pieces(tokenizer), "a strawberry on a checked cloth , zqxv"
    ids = ids_of(tokenizer, text)
    assert pieces.recut(ids, 0.0, seeds.numpy_stream(0, "x")) == ids
    rng = seeds.numpy_stream(0, "x")
    cuts = [pieces.recut(ids, 0.3, rng) for _ in range(50)]
    assert len({tuple(cut) for cut in cuts}) > 25
    assert {tokenizer.decode(cut).replace(" ", "") for cut in cuts} == {text.replace(" ", "")}
    whole = [sum(cut == ids for cut in (pieces.recut(ids, share, rng) for _ in range(40))) for share in (0.01, 0.3)]
    assert whole[0] > whole[1]


def test_bpe_dropout_changes_what_is_learned_alike_each_time_and_needs_a_tokenizer(tokenizer):
    size = shape(text_codes=len(tokenizer), text_length=12)
    texts = ["a 3d dog on the beach", "a flat cookie", "strawberry strawberry strawberry strawberry", "a cat"]
    found = data.pack(random_pair(size, 4).image, [ids_of(tokenizer, t) for t in texts], (-1, len(tokenizer) - 1), size)
    whole = found.batch(torch.arange(4))
    with_pieces = replace(found, pieces=Pieces(tokenizer))
    cut = with_pieces.recut(whole, 0.5, seeds.numpy_stream(0, "x"))
    assert not torch.equal(cut.text, whole.text) and (cut.length <= 12).all()
    for row, length in zip(cut.text, cut.length, strict=True):
        assert (row[length - 1 :] == len(tokenizer) - 1).all()
    config, model = Config(steps=2, batch=4, bpe_dropout=0.3), tiny(text_codes=len(tokenizer), text_length=12)
    first, second = (run(config, given=with_pieces, model=copy.deepcopy(model))[1] for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    plain = run(config.model_copy(update={"bpe_dropout": 0.0}), given=with_pieces, model=copy.deepcopy(model))[1]
    assert not all(torch.equal(value, plain[name]) for name, value in first.items())
    with pytest.raises(SettingError, match="tokenizer"):
        run(config, given=found, model=model)


# The loss


def test_only_hidden_slots_of_their_own_vocabulary_count():
    model, config = tiny(), Config(smoothing=0.1)
    shown = masking.hide("it2it", random_pair(model.shape, 4), config, seeds.stream(0, "x"))
    hidden = model("it2it", shown)
    losses, logits = objective.masked(model, hidden, shown, config)
    for name, rows, where, target, read in (
        ("image", hidden.image, shown.image_hidden, shown.image, model.image_logits),
        ("text", hidden.text, shown.text_hidden, shown.text, model.text_logits),
    ):
        each = []
        for b, j in where.nonzero().tolist():  # slot by slot
            share = read(rows[b, j]).log_softmax(-1)
            each.append(-(0.9 * share[target[b, j]] + 0.1 * share.mean()))
        assert losses[name].item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)
        assert not logits[name].requires_grad and len(logits[name]) == int(where.sum())


def test_what_stands_in_a_hidden_slot_is_not_seen():
    """Unmasked ids fed by mistake make a loss collapse: other tokens in hidden slots must change nothing."""
    model = tiny()
    shown = masking.hide("it2it", random_pair(model.shape, 4), Config(), seeds.stream(0, "x"))
    other = shown.with_(
        image=torch.where(shown.image_hidden, (shown.image + 1) % 20, shown.image),
        text=torch.where(shown.text_hidden, (shown.text + 1) % 15, shown.text),
    )
    one, two = model("it2it", shown), model("it2it", other)
    assert torch.equal(one.image, two.image) and torch.equal(one.text, two.text)


def test_what_a_slot_that_is_shown_holds_is_seen():
    model = tiny()
    shown = random_pair(model.shape, 2, lengths=[5, 5])
    other = shown.with_(image=(shown.image + 1) % 20)
    assert not torch.allclose(model("i2t", shown).text, model("i2t", other).text)


def test_a_loss_that_knows_nothing_is_the_log_of_the_vocabulary():
    model = tiny()
    for value in model.parameters():
        value.data.zero_()
    losses = {}
    gradients(model.requires_grad_(True), pairs(), Config(t2i=0, i2t=0, it2it=1), 0, 1)
    shown = masking.hide("it2it", random_pair(model.shape, 4), Config(), seeds.stream(0, "x"))
    losses, _ = objective.masked(model, model("it2it", shown), shown, Config(smoothing=0))
    assert losses["image"].item() == pytest.approx(math.log(20)) and losses["text"].item() == pytest.approx(
        math.log(15)
    )


@pytest.mark.parametrize("task", ["t2i", "i2t", "it2it"])
def test_every_term_is_told_and_weighed(task):
    chosen = {"t2i": 0, "i2t": 0, "it2it": 0, task: 1}
    config = Config(**chosen, image_weight=2, text_weight=3, length_weight=5, batch=6)
    config = config.model_copy(update={"unroll": "fresh", "unroll_weight": 7.0, "mixsel": 1.0, "mixsel_weight": 11.0})
    losses = gradients(tiny().requires_grad_(True), pairs(), config, 0, 1)
    terms = {"image"} if task == "t2i" else {"text", "length"} | ({"image"} if task == "it2it" else set())
    prefixes = {"": 1, "unroll_": 7, "mixsel_": 11}
    assert losses.keys() == {"loss"} | {f"{p}{name}" for p in prefixes for name in {task, *terms}}
    weights = {"image": 2, "text": 3, "length": 5}
    for prefix in prefixes:
        assert losses[prefix + task] == pytest.approx(sum(weights[n] * losses[prefix + n] for n in terms), rel=1e-5)
    assert losses["loss"] == pytest.approx(sum(w * losses[p + task] for p, w in prefixes.items()), rel=1e-5)


def test_tasks_come_as_often_as_their_weights_say():
    tasks = [pick(Config(), seeds.stream(0, "task", i)) for i in range(2000)]
    assert [tasks.count(one) / 2000 for one in ("t2i", "i2t", "it2it")] == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_emptied_prompts_are_the_end_mark_alone():
    given = pairs()
    plain = given.batch(torch.arange(4))
    emptied = given.emptied(plain, torch.tensor([True, False, False, True]))
    assert emptied.length.tolist() == [1, *plain.length[1:3].tolist(), 1]
    assert bool((emptied.text[0] == END).all()) and torch.equal(emptied.text[1], plain.text[1])


# UnrollMask


def test_the_second_pass_reaches_neither_the_first_s_logits_nor_other_targets():
    model, config = tiny().requires_grad_(True), Config(smoothing=0, unroll="fresh")
    shown = masking.hide("t2i", random_pair(model.shape, 4), config, seeds.stream(0, "x"))
    first = model("t2i", shown)
    rows = first.image[shown.image_hidden]
    logits = model.image_logits(rows)
    again = unroll.again("t2i", shown, {"image": logits}, config, seeds.stream(0, "y"))
    losses, _ = objective.masked(model, model("t2i", again), again, config, truth=shown)
    (through,) = torch.autograd.grad(losses["image"], logits, allow_unused=True)
    assert through is None
    target = shown.image[again.image_hidden]
    expected = F.cross_entropy(model.image_logits(model("t2i", again).image[again.image_hidden]), target)
    assert losses["image"].item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("kind", ["fresh", "subset"])
@pytest.mark.parametrize("task", ["t2i", "i2t", "it2it"])
def test_guesses_fill_hidden_slots_alone_and_slots_are_hidden_anew(task, kind):
    model, config = tiny(), Config(unroll=kind)
    shown = masking.hide(task, random_pair(model.shape, 64), config, seeds.stream(0, "x"))
    _, logits = objective.masked(model, model(task, shown), shown, config)
    again = unroll.again(task, shown, logits, config, seeds.stream(0, "y"))
    for part in ("image", "text"):
        before, after = getattr(shown, part), getattr(again, part)
        was, now = getattr(shown, f"{part}_hidden"), getattr(again, f"{part}_hidden")
        assert torch.equal(before[~was], after[~was])
        if was.any():
            assert not torch.equal(before[was], after[was]) and now.any(1).all()
            assert bool((now <= was).all()) == (kind == "subset")


def test_a_guess_follows_the_logits():
    logits = torch.tensor([0.6, 0.1, 0.3]).log().expand(20000, 3)
    found = torch.bincount(unroll.guess(logits, seeds.stream(0, "g")), minlength=3) / 20000
    assert (found - torch.tensor([0.6, 0.1, 0.3])).abs().max() < 0.015


def test_only_lightly_hidden_pairs_are_unrolled_where_that_is_asked_for():
    model, config = tiny(), Config(unroll="fresh", unroll_from=0.5)
    shown = masking.hide("t2i", random_pair(model.shape, 64), config, seeds.stream(0, "x"))
    rows = unroll.lightly(shown, config)
    share = shown.image_hidden.float().mean(1)
    assert 0 < len(rows) < 64 and bool((share[rows] <= 0.5).all()) and int((share <= 0.5).sum()) == len(rows)
    logits = objective.masked(model, model("t2i", shown), shown, config)[1]
    passes = Passes(model.requires_grad_(True), "t2i", config, seeds.stream(0, "z"), nullcontext)
    passes.plain(shown)
    assert {"t2i", "unroll_t2i"} <= passes.losses.keys() and len(logits["image"]) == int(shown.image_hidden.sum())


def test_a_first_pass_without_a_loss_still_unrolls():
    config = Config(t2i=1, i2t=0, it2it=0, unroll="fresh", unroll_alone=1.0, batch=4)
    losses = gradients(tiny().requires_grad_(True), pairs(), config, 0, 1)
    assert losses.keys() == {"loss", "unroll_t2i", "unroll_image"}


# MixSel


@pytest.mark.parametrize("task", ["i2t", "it2it"])
@pytest.mark.parametrize("upright", [False, True])
def test_a_mixed_picture_names_its_half_and_only_that_half_is_hidden(task, upright, monkeypatch):
    size, given = shape(), pairs()
    monkeypatch.setattr(
        mixsel, "choose", lambda n, task, rng: mixsel.Choice(torch.tensor([False, True, True]), upright)
    )
    rows = torch.tensor([0, 1, 2])
    plain = given.batch(rows)
    mixed = mixsel.mix(task, plain, rows, given.joined, given.marks, size, Config(), seeds.stream(0, "m"))
    first, second = (Special.TOP, Special.BOTTOM) if upright else (Special.LEFT, Special.RIGHT)
    assert mixed.half.tolist() == [first, second, second]
    assert torch.equal(mixed.image, given.joined(rows, torch.tensor([1, 2, 0]), upright))
    if task == "i2t":  # the chosen pair's own caption and length
        assert torch.equal(mixed.text, plain.text[[0, 2, 0]]) and torch.equal(mixed.length, plain.length[[0, 2, 0]])
        assert not mixed.image_hidden.any()
        return
    grid = mixed.image_hidden.reshape(3, 3, 3)
    lines = grid if upright else grid.transpose(1, 2)  # the halved axis first
    assert not lines[0, 1:].any() and not lines[1, :1].any() and not lines[2, :1].any() and grid.any(2).any(1).all()
    for b in range(3):
        bar = mixed.text[b].tolist().index(BAR)
        chosen = mixed.text_hidden[b].nonzero()[:, 0]
        assert not mixed.text_hidden[b, bar]
        assert bool((chosen < bar).all()) if b == 0 else bool((chosen > bar).all() and (chosen < mixed.length[b]).all())


def test_two_captions_are_cut_to_a_budget_joined_by_a_bar_and_end_once():
    size = shape()
    assert size.caption_budget == 3 and shape(text_length=64).caption_budget == 31
    text = torch.tensor([[1, 2, 3, 4, 5, END, END, END], [6, END, END, END, END, END, END, END]])
    joined, length, starts = mixsel.joined_text(text, torch.tensor([6, 2]), BAR, END, size)
    assert joined.tolist() == [[1, 2, 3, BAR, 6, END, END, END], [6, BAR, 1, 2, 3, END, END, END]]
    assert length.tolist() == [6, 6] and starts.tolist() == [4, 2]


def test_drawing_from_two_captions_aims_at_the_chosen_one_s_whole_picture():
    size, given, rows = shape(), pairs(), torch.arange(16)
    plain = given.batch(rows)
    mixed = mixsel.mix("t2i", plain, rows, given.joined, given.marks, size, Config(), seeds.stream(0, "m"))
    second = mixed.half == Special.RIGHT
    assert set(mixed.half.tolist()) == {Special.LEFT, Special.RIGHT} and 2 < int(second.sum()) < 14
    assert torch.equal(mixed.image, torch.where(second[:, None], plain.image.roll(-1, 0), plain.image))
    assert bool((mixed.text == BAR).sum(1).eq(1).all()) and not mixed.text_hidden.any()


def test_joined_pictures_are_squashed_not_cut():
    first, second = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    first[..., :4] = 0.5
    across, upright = mixsel.join(first, second, False), mixsel.join(first, second, True)
    assert across.shape == upright.shape == (1, 3, 8, 8)
    assert (across[0, 0, 0] == torch.tensor([0.5, 0.5, 0, 0, 1, 1, 1, 1])).all()
    assert (upright[0, 0, 0] == first[0, 0, 0]).all() and (upright[0, 0, 4:] == 1).all()


def test_the_cutmix_ablation_leaves_the_half_unsaid():
    size, given, rows = shape(), pairs(), torch.arange(4)
    config = Config(mixsel_token=False)
    mixed = mixsel.mix("i2t", given.batch(rows), rows, given.joined, given.marks, size, config, seeds.stream(0, "m"))
    assert bool((mixed.half == Special.BOG).all())


@pytest.mark.parametrize(
    ("given", "changes", "problem"),
    [
        (pairs(joined=False), {}, "pictures themselves"),
        (pairs(), {"special": 6}, "four tokens"),
        (replace(pairs(), marks=(-1, END)), {}, "'|'"),
    ],
)
def test_mixing_what_cannot_be_mixed_is_refused_before_the_first_step(given, changes, problem):
    with pytest.raises(MixSelError, match=problem):
        next(learn(tiny(**changes), given, Config(mixsel=0.5), 0))


# Going on


FULL = Config(
    steps=4, batch=5, unroll="fresh", mixsel=0.5, ema=0.9, t2i=1, i2t=1, it2it=1, residual_dropout=0.2,
    attention_dropout=0.2, embedding_dropout=0.1,
)  # fmt: skip


def test_a_run_that_is_stopped_and_resumed_ends_in_the_same_bits():
    whole, weights = run(FULL)
    first, _ = run(FULL, count=2)
    state = first[-1].state()
    again, resumed = run(FULL, resume=state)
    assert [step.losses for step in again] == [step.losses for step in whole[2:]]
    assert all(torch.equal(value, resumed[name]) for name, value in weights.items())
    kept, other = whole[-1].state().tensors, again[-1].state().tensors
    assert kept.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in kept.items())


def test_training_touches_no_global_generator():
    before = torch.random.get_rng_state()
    run(FULL)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("seed", "given", "changes"),
    [(1, None, {}), (0, pairs(23), {}), (0, None, {"smoothing": 0.2})],
)
def test_another_seed_data_or_setting_is_another_run(seed, given, changes):
    steps, _ = run(FULL.model_copy(update={"steps": 1}))
    state = steps[-1].state()
    with pytest.raises(ResumeMismatchError):
        next(learn(tiny().requires_grad_(True), given or pairs(), FULL.model_copy(update=changes), seed, resume=state))


def test_a_loss_that_leaves_the_numbers_stops_the_run_and_saves_nothing(tmp_path):
    model = tiny().requires_grad_(True)
    model.lm_layer.output_bias.data[0] = math.nan
    steps = learn(model, pairs(), Config(steps=3, batch=4), 0)
    with pytest.raises(NonFiniteLossError):
        training.run(steps, folder=tmp_path / "run", total=3, save_every=1, quiet=True)


def test_an_epoch_goes_through_every_pair_once():
    seen = torch.cat([drawn(10, 4, 0, index) for index in range(1, 6)])
    assert sorted(seen[:10].tolist()) == list(range(10)) == sorted(seen[10:].tolist())
    assert seen[:10].tolist() != seen[10:].tolist()


@pytest.mark.parametrize("decay", ["cosine", "linear", "plateau"])
def test_the_rate_rises_and_falls(decay):
    config = Config(steps=100, lr=1.0, warmup=0.1, decay=decay)
    rates = [rate(config, index) for index in range(1, 101)]
    assert rates[4] == 0.5 and max(rates) == pytest.approx(1, abs=0.02) and rates[-1] < 0.05
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_tables_and_norms_do_not_decay():
    from likewise.magvlt.learn import _groups

    named = dict(tiny().named_parameters())
    decaying = {id(p) for p in _groups(named, Config())[0]["params"]}
    names = {name for name, p in named.items() if id(p) in decaying}
    assert "blocks.0.attn.key.weight" in names and "length_predictor.weight" in names
    assert not any(name.startswith(("tok_emb", "pos_emb")) or ".ln" in name or name.endswith("bias") for name in names)


# Tokens on disk


def test_tokens_are_kept_and_read_again(tmp_path):
    given, path = pairs(), tmp_path / "tokens.safetensors"
    data.write(path, given, "me")
    again = data.read(path, shape(), "me", given.joined)
    assert again.hash == given.hash and again.marks == given.marks and torch.equal(again.lengths, given.lengths)


@pytest.mark.parametrize(
    ("made_by", "size", "problem"),
    [("other", {}, "other photos or captions"), ("me", {"image_codes": 3}, "not in the codebook"),
     ("me", {"text_codes": 3}, "not in the vocabulary"), ("me", {"image_side": 4}, "tokens")],
)  # fmt: skip
def test_tokens_of_another_model_are_refused(tmp_path, made_by, size, problem):
    data.write(tmp_path / "t.safetensors", pairs(), "me")
    with pytest.raises(TokenFileError, match=problem):
        data.read(tmp_path / "t.safetensors", shape(**size), made_by)


def test_a_caption_that_fills_all_slots_still_ends():
    given = data.pack(torch.zeros(1, 9), [[1] * 20], (BAR, END), shape())
    assert given.length.tolist() == [8] and given.text[0].tolist() == [1] * 7 + [END]
    assert pair(given.image, given.text, given.length).written.all()
