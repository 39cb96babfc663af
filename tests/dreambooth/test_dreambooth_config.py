"""Settings fit their base model, and one that would do nothing says so."""

import pytest

from likewise import registry, settings
from likewise.diffusion.backbone import Facts
from likewise.dreambooth.config import DEFAULTS, NEEDS, Config
from likewise.errors import BadSettingError, IdleSettingWarning, SettingError, UnknownSettingError


def facts(family):
    return Facts(family, "epsilon", 512, 4, 8, 0.18215, 768, 77, 1000)


@pytest.mark.parametrize(("family", "train"), DEFAULTS)
def test_every_row_of_defaults_is_a_valid_config(family, train):
    config = Config.for_backbone(facts(family), {"train": train})
    assert {name: getattr(config, name) for name in DEFAULTS[family, train]} == DEFAULTS[family, train]


def test_sd2_learns_like_sd1_and_options_win():
    assert Config.for_backbone(facts("sd2")) == Config.for_backbone(facts("sd1"))
    assert Config.for_backbone(facts("toybox"), {"lr": 0.5}).lr == 0.5


def test_a_rank_brings_an_alpha_of_its_size_unless_one_is_given():
    assert Config.for_backbone(facts("sd1"), {"rank": 4}).alpha == 4
    assert Config.for_backbone(facts("sd1"), {"rank": 4, "alpha": 1}).alpha == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lr": 0}, "lr: found 0, should be greater than 0"),
        ({"steps": 0}, "steps"),
        ({"train": "some"}, "train"),
        ({"warmup": 800}, "warmup"),
        ({"instance_prompt": "a {noun}"}, "must contain {identifier}"),
        ({"class_prompt": "a {identifier} {noun}"}, "must not contain"),
        ({"instance_prompt": "a photo of {identifier} {noun}, {style}"}, "instance_prompt must contain no braces"),
        ({"class_prompt": "a {noun} }"}, "class_prompt must contain no braces"),
        ({"instance_prompt": "<rex>, a {identifier} {noun}"}, "no < or >"),
    ],
)
def test_a_value_that_cannot_work_is_refused(options, said):
    with pytest.raises(BadSettingError, match=said):
        Config.for_backbone(facts("sd1"), options)


def test_an_unknown_setting_brings_the_nearest():
    with pytest.raises(UnknownSettingError, match="Did you mean 'prior_weight'"):
        Config.for_backbone(facts("sd1"), {"prior_wieght": 1})


@pytest.mark.parametrize(
    "options",
    [{"train": "full", "rank": 4}, {"text_lr": 1e-5}, {"prior": "none", "class_images": 5}, {"lr_final": 0.1}],
)
def test_a_setting_without_effect_is_warned_of(options):
    with pytest.warns(IdleSettingWarning, match="has no effect while"):
        Config.for_backbone(facts("sd1"), options)


def test_what_is_in_force_can_be_given_back_without_a_warning():
    for options in ({}, {"train": "full"}, {"prior": "none", "lr_schedule": "cosine"}):
        config = Config.for_family("toybox", options)
        assert Config.for_backbone(facts("toybox"), config.in_force()).in_force() == config.in_force()
    assert NEEDS.keys() <= Config.model_fields.keys()


def test_no_more_class_images_are_made_than_a_run_can_see():
    assert Config(class_images=100, steps=5, batch=2, accumulation=3).class_count == 30
    assert Config(class_images=10, steps=5, batch=2, accumulation=3).class_count == 10
    assert Config(prior="none").class_count == Config(prior="teacher").class_count == 0


def test_every_setting_has_a_description_and_the_registry_finds_them():
    assert registry.config("dreambooth") is Config
    assert [name for name, one in settings.of(Config).items() if len(one.help) < 10] == []


def test_parity_brings_the_settings_of_diffusers_scripts_and_options_still_win():
    config = Config.for_backbone(facts("sd1"), {"parity": "diffusers", "lr": 3e-4})
    assert (config.rank, config.alpha, config.start, config.lr, config.text_lr) == (4, 4.0, "gaussian", 3e-4, 3e-4)
    assert Config.for_backbone(facts("sd1"), {"parity": "diffusers", "rank": 8}).alpha == 8
    assert Config.for_backbone(facts("sd1"), {"parity": "diffusers", "train": "full"}).lr == 5e-6
    word = registry.config("textual-inversion").for_backbone(facts("sd1"), {"parity": "diffusers"})
    assert (word.lr_schedule, word.weight_decay, word.flip, word.rate) == ("constant", 1e-2, True, 2e-3)
    assert Config.for_backbone(facts("sd1")).parity is None


@pytest.mark.parametrize(
    ("family", "method", "options", "said"),
    [
        ("sd1", "dreambooth", {"snr_gamma": 5.0}, "other rows' timesteps"),
        ("sd1", "dreambooth", {"prior": "teacher"}, "no teacher"),
        ("sdxl", "dreambooth", {}, "mixes up photos and class images"),
        ("sd1", "pivotal", {}, "no script that this method equals"),
    ],
)
def test_parity_refuses_what_is_broken_or_missing_there(family, method, options, said):
    with pytest.raises((BadSettingError, SettingError), match=said):
        registry.config(method).for_backbone(facts(family), {"parity": "diffusers", **options})
    if method == "dreambooth":
        registry.config(method).for_backbone(facts(family), options)
