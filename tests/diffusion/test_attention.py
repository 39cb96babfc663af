"""Attention layers are found, exchanged within a scope, and always put back."""

import pytest
import torch

from likewise.diffusion import attention


class Zeros:
    """A processor under which attention says nothing."""

    def __call__(self, attn, hidden_states, *_args, **_named):
        return torch.zeros_like(hidden_states)


def test_every_level_reads_itself_and_the_text(toybox):
    found = attention.sites(toybox.unet)
    assert len(found) == 2 * len([site for site in found if site.cross])
    assert {site.stage for site in found} == {"down", "mid", "up"}
    assert {site.width for site in found} == {32, 64}
    assert set(found[0].name.split(".")) >= {"transformer_blocks", "attn1"}


def test_a_swap_changes_the_chosen_layers_and_comes_off(toybox, rng):
    noisy, t = torch.randn(toybox.facts.latent_shape(1), generator=rng), torch.tensor([500])
    dog, cat = toybox.encode_text(["a dog"]), toybox.encode_text(["a cat"])
    before = [site.module.processor for site in attention.sites(toybox.unet)]
    plain = toybox.predict(noisy, t, dog)
    with attention.swapped(toybox.unet, lambda site: Zeros() if site.cross else None) as changed:
        assert all(site.cross for site in changed)
        assert torch.equal(toybox.predict(noisy, t, dog), toybox.predict(noisy, t, cat))  # deaf to the text
    assert torch.equal(toybox.predict(noisy, t, dog), plain)
    after = [site.module.processor for site in attention.sites(toybox.unet)]
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_scopes_nest_and_survive_errors(toybox):
    site = attention.sites(toybox.unet)[0]
    original, outer = site.module.processor, Zeros()
    with pytest.raises(RuntimeError, match="boom"), attention.swapped(toybox.unet, lambda _: outer):
        with attention.swapped(toybox.unet, lambda _: Zeros()):
            assert site.module.processor is not outer
        assert site.module.processor is outer
        raise RuntimeError("boom")
    assert site.module.processor is original


def test_a_choice_that_fails_changes_nothing(toybox):
    before = [site.module.processor for site in attention.sites(toybox.unet)]

    def choose(site):
        if site.stage == "up":
            raise RuntimeError("boom")
        return Zeros()

    with pytest.raises(RuntimeError, match="boom"), attention.swapped(toybox.unet, choose):
        pass
    assert [site.module.processor for site in attention.sites(toybox.unet)] == before
