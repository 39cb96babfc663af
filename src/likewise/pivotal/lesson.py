"""What `likewise teach` asks of pivotal tuning: what it asks of Textual Inversion, and a word about the adapters."""

from likewise.diffusion.backbone import Backbone
from likewise.dreambooth.trained import census
from likewise.pivotal.export import applied as applied
from likewise.pivotal.export import save as save
from likewise.textual_inversion import lesson as word
from likewise.textual_inversion.lesson import Captions
from likewise.textual_inversion.lesson import captions as captions
from likewise.textual_inversion.lesson import check as check
from likewise.textual_inversion.lesson import identify as identify
from likewise.textual_inversion.lesson import prepare as prepare
from likewise.textual_inversion.lesson import prompts as prompts
from likewise.textual_inversion.lesson import start as start
from likewise.textual_inversion.lesson import words as words
from likewise.tuning.plan import Plan


def learns(backbone: Backbone, plan: Plan) -> dict[str, tuple[int, int]]:
    """The word's vectors, and for each part of the model its layers with adapters, with their numbers."""
    return {**word.learns(backbone, plan), **census(backbone, plan.config.adapters)}


def told(backbone: Backbone, plan: Plan, texts: Captions) -> list[str]:
    """What a person should know before it starts: the word, then the adapters."""
    config = plan.config
    first, sentences, steps = word.told(backbone, plan, texts)
    after = "is kept" if config.word_after == "kept" else f"learns on at {config.rate * config.lr_final:g}"
    return [
        first.replace("nothing else of the model learns", "it learns first, alone"),
        sentences,
        f"{steps.replace(f'{config.steps} steps', f'{config.word_steps} steps', 1)}; then LoRA of rank {config.rank}, "
        f"{config.steps - config.word_steps} steps at {config.lora_lr:g}, while the word {after}",
    ]
