"""The small world of the tests, and the models that a minuscule recipe makes of it, once a session."""

import pytest
from toybox_made import small_world


@pytest.fixture
def world():
    return small_world()


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A shop that has run the whole recipe at the smallest sizes; its weights are in folder / 'weights'."""
    from likewise.devices import choose
    from likewise.toybox import decoder, learn, pictures
    from likewise.toybox import shop as shops
    from likewise.toybox.recipe import Recipe

    tiny = {
        "concepts": 6, "pictures": 16, "text_length": 32, "text_width": 48, "text_layers": 1, "image_widths": (8, 16),
        "tower_steps": 2, "tower_batch": 4, "channels": 4, "taught": 4, "front_steps": 2, "decoder_steps": 2,
        "widths": (32, 32), "unet_steps": 2, "unet_batch": 2, "vq_codes": 16, "vq_steps": 2, "vq_batch": 2,
        "magvlt_words": 16, "magvlt_width": 64, "magvlt_layers": 1, "magvlt_steps": 2, "magvlt_batch": 2,
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shops, "HELD", 6)
        patch.setattr(pictures, "SHARD", 8)
        settings = decoder.Config
        patch.setattr(decoder, "Config", lambda **chosen: settings(**{"batch": 2, "crop": 16, **chosen}))
        made = shops.Shop(folder, small_world(), Recipe.model_construct(**tiny), choose("cpu"), quiet=True)
        learn.run(made, folder / "weights")
        yield made
