"""From photos to pictures on each family of Stable Diffusion, within a limit of memory too."""

import pytest
from PIL import Image

from likewise import images
from likewise.diffusion import tiny
from likewise.imagine import imagine
from likewise.teach import teach

pytestmark = pytest.mark.slow


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for index in range(3):
        image = Image.effect_noise((64 + 8 * index, 64), 90).convert("RGB")
        images.write_png(tmp_path / "photos" / f"{index}.png", image)
    return tmp_path / "photos"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["sd1", "sd2", "sd2-v", "sdxl"])
@pytest.mark.parametrize(
    "options",
    [
        {"train": "lora", "rank": 2, "class_images": 2, "class_steps": 1},
        {"train": "lora", "rank": 2, "train_text": True, "prior": "teacher", "vram": 8},
        {"train": "full", "train_text": True, "prior": "none"},
    ],
)
def test_what_was_taught_is_drawn(photos, tmp_path, family, options):
    folder = tiny.pipeline(tmp_path / family, family)
    taught = teach(
        photos, "dog", backbone=folder, name="rob", out=tmp_path / "run", steps=2, lr=1e-2, verdict=False, quiet=True,
        **options,
    )  # fmt: skip
    bare = imagine("a dog", backbone=folder, n=1, steps=1)[0].image.tobytes()
    prompt = f"a {taught.concept.identifier} dog"
    drawn = [imagine(one, backbone=folder, n=1, steps=1)[0].image.tobytes() for one in ("a <rob>", prompt)]
    assert drawn[0] != drawn[1]  # the concept acts where it is named
    assert imagine("a dog", backbone=folder, n=1, steps=1)[0].image.tobytes() == bare
