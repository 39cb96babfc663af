"""Views: parity with Pillow and with colours counted one by one, and chances that nothing but their names changes."""

import colorsys

import pytest
import torch
from PIL import Image, ImageEnhance

from likewise.contrastive import colour, views
from likewise.contrastive.resample import blur, crop, crop_bytes
from likewise.contrastive.views import Recipe
from likewise.images import to_pil, to_tensor


def picture(rng, side=40):
    """Smooth colours with an edge."""
    small = torch.rand(1, 3, 5, 5, generator=rng)
    image = torch.nn.functional.interpolate(small, (side, side), mode="bilinear")
    image[..., : side // 3, :] = 1 - image[..., : side // 3, :]
    return to_tensor(to_pil(image))


@pytest.mark.parametrize("box", [(0, 0, 40, 40), (3, 7, 30, 20), (10, 0, 6, 9), (39, 39, 1, 1)])
@pytest.mark.parametrize("size", [16, 48])
@pytest.mark.parametrize("flip", [False, True])
def test_a_crop_is_pillows(box, size, flip, rng):
    image = picture(rng)
    top, left, height, width = box
    theirs = (
        to_pil(image)[0].crop((left, top, left + width, top + height)).resize((size, size), Image.Resampling.BILINEAR)
    )
    if flip:
        theirs = theirs.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    ours = crop(image, torch.tensor([box]), torch.tensor([flip]), size)
    assert (ours - to_tensor([theirs])).abs().max() < 1.6 / 255  # Pillow rounds to 8 bits after each direction


@pytest.mark.parametrize(
    ("name", "tool"),
    [("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color)],
)
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_colour_changes_are_pillows(name, tool, factor, rng):
    image = picture(rng)
    theirs = to_tensor([tool(to_pil(image)[0]).enhance(factor)])
    ours = getattr(colour, name)(image.clone(), torch.tensor([factor]))
    assert (ours - theirs).abs().max() < 2.1 / 255  # Pillow rounds luma, the mean and the result


@pytest.mark.parametrize("turn", [-0.5, -0.13, 0.0, 0.2])
def test_hue_turns_as_colours_counted_one_by_one(turn, rng):
    image = picture(rng, 9)
    image[0, :, 0, 0] = 0.5  # a grey, which has no hue
    ours = colour.hue(image.clone(), torch.tensor([turn]))
    for y in range(9):
        for x in range(9):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[0, :, y, x].tolist())
            wanted = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            assert ours[0, :, y, x].tolist() == pytest.approx(wanted, abs=1e-5)


def test_a_blur_is_a_convolution_with_mirrored_edges(rng):
    image, sigma, radius = picture(rng, 20), 1.3, 3
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = torch.outer(taps, taps)[None, None].expand(3, 1, -1, -1) / taps.sum() ** 2
    padded = torch.nn.functional.pad(image, (radius,) * 4, mode="reflect")
    wanted = torch.nn.functional.conv2d(padded, kernel, groups=3)
    assert torch.allclose(blur(image, torch.tensor([sigma]), radius), wanted, atol=1e-6)


def test_each_picture_has_its_own_operations_in_its_own_order(rng):
    images = torch.cat([picture(rng) for _ in range(6)])
    recipe = Recipe(size=16)
    chances = views.draw(recipe, 6, 40, 3, 1)
    together = views.views(images, chances, recipe)
    for i in range(6):
        alone = crop(images[i : i + 1], chances.boxes[i : i + 1], chances.flip[i : i + 1], 16)
        if chances.jitter[i]:
            for number in chances.order[i].tolist():
                alone = colour.OPERATIONS[number](alone, chances.factors[i : i + 1, number])
        if chances.grey[i]:
            alone = colour.grey(alone).expand(-1, 3, -1, -1)
        if chances.blur[i]:
            alone = blur(alone, chances.sigma[i : i + 1], 1)
        assert torch.allclose(together[i], alone[0], atol=1e-6)


def test_chances_follow_their_names_and_not_the_batch():
    recipe = Recipe()
    few, many, other = (views.draw(recipe, n, 128, 0, name) for n, name in ((3, "a"), (50, "a"), (50, "b")))
    for name in few.__dataclass_fields__:
        assert torch.equal(getattr(few, name), getattr(many, name)[:3])
    assert not torch.equal(many.boxes, other.boxes)
    assert torch.equal(many[10:12].boxes, many.boxes[10:12])


def test_chances_are_what_the_recipe_says():
    recipe, side = Recipe(crop=0.2, jitter=0.3, grey=0.1, blur=0.7, flip=0.5), 100
    found = views.draw(recipe, 20_000, side, 0)
    top, left, height, width = found.boxes.T
    assert (found.boxes >= 0).all() and (top + height <= side).all() and (left + width <= side).all()
    area = height * width / side**2
    assert (
        area.min() > 0.19 and 0.5 < area.mean() < 0.6
    )  # large areas with a steep ratio do not fit, and are drawn again
    assert 0.7 < (width / height).min() < 0.76 and 1.32 < (width / height).max() < 1.4
    for name, share in (("jitter", 0.3), ("grey", 0.1), ("blur", 0.7), ("flip", 0.5)):
        assert getattr(found, name).float().mean().item() == pytest.approx(share, abs=0.02)
    assert found.factors[:, 3].abs().max() <= 0.2 and found.factors[:, :3].min() >= 0.2 - 1e-6
    orders = {tuple(order) for order in found.order.tolist()}
    assert len(orders) == 24


def test_bytes_and_floats_give_the_same_view(rng):
    image = picture(rng)
    recipe = Recipe(size=16, colour=0.0)
    chances = views.draw(recipe, 1, 40, 0)
    byte = (image * 255).round().to(torch.uint8)
    far = (views.views(byte, chances, recipe) - views.views(image.clone(), chances, recipe)).abs().max()
    assert far < 1.1 / 255 and torch.equal(byte, (image * 255).round().to(torch.uint8))


@pytest.mark.parametrize("size", [16, 48])
def test_crops_of_bytes_one_by_one_are_those_by_matrices_but_for_rounding(size, rng):
    images = torch.cat([picture(rng) for _ in range(9)])
    chances = views.draw(Recipe(), 9, 40, 1)
    byte = (images * 255).round().to(torch.uint8)
    ours = crop_bytes(byte, chances.boxes, chances.flip, size).float() / 255
    assert (ours - crop(images, chances.boxes, chances.flip, size)).abs().max() < 1.6 / 255


def test_views_stay_in_range(rng):
    made = views.views(
        torch.rand(32, 3, 24, 24, generator=rng), views.draw(Recipe(size=16), 32, 24, 1), Recipe(size=16)
    )
    assert made.shape == (32, 3, 16, 16) and made.min() >= -1e-6 and made.max() <= 1 + 1e-6


def test_the_whole_picture_is_the_picture(rng):
    image = picture(rng)
    assert torch.allclose(views.whole(image, 40), image, atol=1e-6)
    assert views.whole(image, 20).mean().item() == pytest.approx(image.mean().item(), abs=1e-3)


def test_a_probe_measures_and_says_so():
    found = views.probe(Recipe(size=16), 24, ["cpu"], count=8, repeats=1)
    assert found.fastest == "cpu" and found.speeds["cpu"] > 0 and "made on cpu" in found.note
