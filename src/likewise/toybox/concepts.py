"""The nouns of the little world: which things it holds, under which everyday name, and which it never shows.

One line a category; every entry is an emoji and the name people use for it. Order inside a category is by
familiarity, so that a smaller world (`concepts(limit)`) keeps the best-known things of every category.
"""

from dataclasses import dataclass

STYLES = ("3d", "flat", "cartoon", "sticker")

_WORLD = """
animal: 🐶 dog, 🐱 cat, 🐷 pig, 🐮 cow, 🐰 rabbit, 🐻 bear, 🦁 lion, 🐯 tiger, 🐸 frog, 🐵 monkey, 🐭 mouse, 🦊 fox,
 🐴 horse, 🐘 elephant, 🐢 turtle, 🐍 snake, 🦓 zebra, 🐑 sheep, 🐊 crocodile, 🦒 giraffe
bird: 🐔 chicken, 🦆 duck, 🦅 eagle, 🦜 parrot, 🐤 chick, 🦢 swan
sea animal: 🐟 fish, 🐳 whale, 🐬 dolphin, 🦀 crab, 🐠 tropical fish, 🦈 shark
insect: 🐝 bee, 🦋 butterfly, 🐞 ladybug, 🐌 snail
fruit: 🍎 apple, 🍌 banana, 🍓 strawberry, 🍇 grapes, 🍊 orange, 🍉 watermelon, 🍒 cherries, 🍋 lemon, 🍐 pear, 🍑 peach
vegetable: 🥕 carrot, 🍅 tomato, 🌽 corn, 🥦 broccoli, 🍆 eggplant, 🥑 avocado
food: 🍕 pizza, 🍔 burger, 🍩 donut, 🍪 cookie, 🎂 cake, 🍦 ice cream, 🥐 croissant, 🌭 hot dog, 🍟 fries, 🧀 cheese,
 🥚 egg, 🍞 bread
drink: ☕ coffee, 🍵 tea, 🥛 milk, 🍷 wine
plant: 🌹 rose, 🌻 sunflower, 🌷 tulip, 🌳 tree, 🌲 pine tree, 🌴 palm tree, 🍀 clover
vehicle: 🚗 car, 🚌 bus, 🚲 bicycle, ✈️ airplane, 🚢 ship, 🚁 helicopter, 🚜 tractor, 🚂 train, ⛵ sailboat, 🚕 taxi,
 🚒 fire engine, 🚚 truck
building: 🏠 house, 🏰 castle, ⛺ tent, 🏢 office, ⛪ church
clothes: 👕 shirt, 👟 sneaker, 👢 boot, 👒 hat, 👗 dress, 👖 jeans, 🧦 socks, 🎩 top hat, 👑 crown, 🧣 scarf
toy: 🪀 yo-yo, 🪁 kite, 🎲 dice, 🧩 puzzle, 🎈 balloon, 🪆 doll
ball: ⚽ soccer ball, 🏀 basketball, 🎾 tennis ball, 🏈 football
instrument: 🎸 guitar, 🎹 piano, 🥁 drum, 🎺 trumpet, 🎻 violin
thing: 🫖 teapot, 🎒 backpack, 🔑 key, 📷 camera, 📚 books, ✏️ pencil, ☂️ umbrella, 💡 light bulb, 🎁 gift, 🔔 bell,
 ⏰ clock, 🕯️ candle, 📱 phone, 💻 laptop, 🪑 chair, 🛏️ bed, 🔨 hammer, ✂️ scissors, 👓 glasses, 🏆 trophy, 🏺 vase,
 🥣 bowl, 🥫 can, 💎 diamond, 🧲 magnet
sky: ☀️ sun, 🌙 moon, ⭐ star, 🌈 rainbow, ☁️ cloud
face: 😀 smile, 😎 cool face, 😍 love face, 😠 angry face, 😢 sad face, ❤️ heart
"""

_MASCOTS = """
animal: 🐼 panda, 🐨 koala, 🦔 hedgehog, 🐹 hamster, 🦝 raccoon, 🦘 kangaroo
bird: 🐧 penguin, 🦉 owl, 🦩 flamingo
sea animal: 🐙 octopus, 🦞 lobster
fruit: 🍍 pineapple, 🥝 kiwi
food: 🧁 cupcake, 🍣 sushi
plant: 🌵 cactus, 🍄 mushroom
vehicle: 🚀 rocket, 🛵 scooter
toy: 🤖 robot, 🧸 teddy bear
thing: 🎃 pumpkin, ⛄ snowman, 🛹 skateboard
"""


@dataclass(frozen=True)
class Concept:
    """A thing of the world: the name that captions use, its category, and the emoji that draws it."""

    name: str
    category: str
    emoji: str

    @property
    def hexcode(self) -> str:
        """Code points without the emoji variation selector, lower case, joined by '-': '1f436'."""
        return "-".join(f"{ord(c):x}" for c in self.emoji if ord(c) != 0xFE0F)


def _parse(table: str) -> tuple[Concept, ...]:
    found = []
    for line in table.replace("\n ", " ").strip().splitlines():
        category, entries = line.split(":", 1)
        for entry in entries.split(","):
            emoji, name = entry.strip().split(" ", 1)
            found.append(Concept(name, category, emoji))
    return tuple(found)


WORLD = _parse(_WORLD)
MASCOTS = _parse(_MASCOTS)


def concepts(limit: int | None = None) -> tuple[Concept, ...]:
    """The first `limit` concepts, taken in turn from every category so that a small world stays varied."""
    if limit is None or limit >= len(WORLD):
        return WORLD
    by_category: dict[str, list[Concept]] = {}
    for concept in WORLD:
        by_category.setdefault(concept.category, []).append(concept)
    rank = {c.name: (i / len(group), i) for group in by_category.values() for i, c in enumerate(group)}
    kept = sorted(WORLD, key=lambda c: rank[c.name])[:limit]
    return tuple(c for c in WORLD if c in kept)
