"""What a verdict asks for: the 25 prompts of DreamBooth's protocol, and 25 that the embedded world knows.

The paper (arXiv:2208.12242, its supplement) has one list for objects and one for live subjects: ten places for both,
ten more places or ten outfits, and five properties. The embedded models have never seen an Eiffel Tower or a chef's
outfit: asked for them, every checkpoint would fail alike, so that Toybox gets places, patterns, colours and styles of
its own world instead.

`{subject}` stands for the run's own words, such as "a zxq dog"; `{red subject}` for "a red zxq dog".
"""

import re

HOLE = re.compile(r"\{(?:([\w -]+) )?subject\}")

QUICK = ("{subject}", "{subject} on the beach", "{subject} in the snow", "{subject} in the forest")
"""The default: few enough for a minute on a laptop, and places that every base model knows."""

_BOTH = (
    "{subject} in the jungle",
    "{subject} in the snow",
    "{subject} on the beach",
    "{subject} on a cobblestone street",
    "{subject} on top of pink fabric",
    "{subject} on top of a wooden floor",
    "{subject} with a city in the background",
    "{subject} with a mountain in the background",
    "{subject} with a blue house in the background",
    "{subject} on top of a purple rug in a forest",
)
_PROPERTIES = ("{red subject}", "{purple subject}", "{shiny subject}", "{wet subject}", "{cube shaped subject}")

OBJECTS = (
    *_BOTH,
    "{subject} with a wheat field in the background",
    "{subject} with a tree and autumn leaves in the background",
    "{subject} with the Eiffel Tower in the background",
    "{subject} floating on top of water",
    "{subject} floating in an ocean of milk",
    "{subject} on top of green grass with sunflowers around it",
    "{subject} on top of a mirror",
    "{subject} on top of the sidewalk in a crowded street",
    "{subject} on top of a dirt road",
    "{subject} on top of a white rug",
    *_PROPERTIES,
)
LIVE = (
    *_BOTH,
    "{subject} wearing a red hat",
    "{subject} wearing a santa hat",
    "{subject} wearing a rainbow scarf",
    "{subject} wearing a black top hat and a monocle",
    "{subject} in a chef outfit",
    "{subject} in a firefighter outfit",
    "{subject} in a police outfit",
    "{subject} wearing pink glasses",
    "{subject} wearing a yellow shirt",
    "{subject} in a purple wizard outfit",
    *_PROPERTIES,
)
TOYBOX = (
    "{subject} on the beach",
    "{subject} in the snow",
    "{subject} in the forest",
    "{subject} in the night sky",
    "{subject} in a room",
    "{subject} on the road",
    "{subject} on the grass",
    "{subject} in the desert",
    "{subject} in the city",
    "{subject} on the water",
    "{subject} in the mountains",
    "{subject} on a stripe pattern",
    "{subject} on a dot pattern",
    "{subject} on a checked cloth",
    "{subject} on a sunset gradient",
    "{subject} on a mint gradient",
    "{subject} on a red background",
    "{subject} on a yellow background",
    "{subject} on a blue background",
    "{subject} on a green background",
    "{subject} on a black background",
    "{3d subject}",
    "{flat subject}",
    "{cartoon subject}",
    "{sticker subject}",
)

BREATHING = """
animal baby bear beaver bee bird boy bug bunny butterfly calf camel cat chicken child cow crab deer dinosaur dog
dolphin dragon duck eagle elephant fish flamingo fox frog giraffe girl goat hamster hedgehog hen horse human
insect kitten koala lion lizard llama man monkey mouse octopus otter owl panda parrot peacock penguin person pet
pig pony pug puppy rabbit raccoon ram rat rhino rooster seal shark sheep sloth snail snake spider squirrel swan
tiger toad turtle whale wolf woman zebra
"""


def paper(family: str, noun: str, kind: str = "auto") -> tuple[str, ...]:
    """The 25 prompts for a base model's family and a noun; kind: "object", "live", or "auto" to go by the noun."""
    if family == "toybox":
        return TOYBOX
    live = noun.lower().split()[-1] in BREATHING.split() if kind == "auto" else kind == "live"
    return LIVE if live else OBJECTS


def fill(prompt: str, template: str, noun: str, identifier: str) -> str:
    """The words of a prompt.

    template: how the run calls its subject, such as "a {identifier} {noun}"; without an identifier none of the spaces
    around it are left either.
    """
    adjective = _hole(prompt)[1] or ""
    first = "{identifier}" if "{identifier}" in template else "{noun}"
    words = template.replace(first, f"{adjective} {first}", 1)
    words = words.replace("{identifier}", identifier).replace("{noun}", noun)
    return HOLE.sub(lambda _: " ".join(words.split()), prompt)


def problem(prompt: str) -> str | None:
    """What is wrong with a prompt, in words, or None."""
    rest = HOLE.sub("", prompt)
    if len(HOLE.findall(prompt)) != 1 or set("{}") & set(rest):
        return f"the prompt {prompt!r} must contain {{subject}} once and no other braces"
    return None


def _hole(prompt: str) -> re.Match[str]:
    found = HOLE.search(prompt)
    assert found, "Config refuses a prompt without its subject"
    return found
