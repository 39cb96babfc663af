import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from synthetic import BASE, GAUGE, noisy, scores

from likewise.images import markup
from likewise.metrics import Interval
from likewise.verdict import chart
from likewise.verdict.choose import choose
from likewise.verdict.explain import explain
from likewise.verdict.report import Page, render
from likewise.verdict.scores import Drawn

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;"


class Reader(HTMLParser):
    """Collects what a browser would act on; unbalanced markup is an error."""

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page(text="dog", **changes):
    run = [BASE, scores(100, 0.6, 0.3), scores(200, 0.7, 0.28, copied=0.25)]
    choice = choose(run, GAUGE)
    drawn = [Drawn(one.step, [noisy(i) for i in range(12)], [noisy(i) for i in range(4)]) for one in run]
    facts = {
        "name": text, "noun": text, "choice": choice, "gauge": GAUGE, "why": explain(choice, GAUGE, text),
        "photos": [noisy(1), noisy(2)], "drawn": drawn, "prompts": [f"a {text} {place}" for place in "abcd"],
        "bare": f"a {text}", "copies": {one.step: GAUGE.copied(one).tolist() for one in run},
        "settings": {text: text}, "provenance": {"base model": text},
    }  # fmt: skip
    return Page(**{**facts, **changes})


def read(source):
    reader = Reader()
    reader.feed(source)
    assert reader.open == []
    return reader


def test_the_page_stands_alone():
    source = render(page())
    reader = read(source)
    assert "script" not in reader.tags and "link" not in reader.tags and "iframe" not in reader.tags
    sources = [value for _, name, value in reader.attributes if name in ("src", "href", "srcset", "action")]
    assert sources and all(value.startswith("data:image/jpeg;base64,") for value in sources)
    assert "url(" not in source and "@import" not in source and "http" not in source.replace("http-equiv", "")


def test_text_of_users_stays_text():
    reader = read(render(page(EVIL)))
    assert set(reader.tags) == set(read(render(page())).tags)
    assert not any(name.startswith("on") for _, name, _ in reader.attributes)
    assert EVIL in "".join(reader.text) and EVIL in {value for _, name, value in reader.attributes if name == "alt"} | {
        f"{value}".removeprefix("a ").removesuffix(" a") for _, name, value in reader.attributes if name == "alt"
    }


def test_photos_and_pictures_carry_no_metadata():
    photo = noisy(1)
    photo.info["comment"] = b"secret place"
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    photo.info["exif"] = exif.tobytes()
    leaked = b"secret" in _decoded(markup.picture(photo, side=64, alt=""))
    assert not leaked


def _decoded(source):
    import base64

    return base64.b64decode(re.search(r"base64,([^\"]+)", source)[1])


def test_every_picture_is_in_the_grid_and_copies_are_marked():
    made = page()
    source = render(made)
    pictures = 1 + len(made.photos) + 12 + 3 * (12 + 4)  # the hero, the photos, the chosen ones, the grid
    assert source.count("<img ") == pictures
    assert source.count('class="copy"') == sum(sum(row) for row in made.copies.values()) == 3


def test_the_chosen_step_is_marked_everywhere():
    made = page()
    reader = read(render(made))
    marked = [tag for tag, name, value in reader.attributes if name == "class" and "chosen" in (value or "").split()]
    assert marked.count("tr") == 2 and marked.count("circle") == 7
    assert f"Step {made.choice.step}: the verdict" in "".join(reader.text)


def test_a_run_that_learned_nothing_gets_no_recommendation_as_a_headline():
    run = [BASE, scores(100, 0.40, 0.3)]
    choice = choose(run, GAUGE)
    drawn = [Drawn(one.step, [noisy(i) for i in range(12)], [noisy(0)]) for one in run]
    source = render(page(choice=choice, drawn=drawn, copies={}, why=explain(choice, GAUGE, "dog")))
    headline = re.search(r"<h1>(.*?)</h1>", source)[1]
    assert headline == "Not there yet"


def test_without_prompts_measured_their_chart_and_column_are_left_out():
    run = [scores(0, 0.41), scores(100, 0.6)]
    choice = choose(run, GAUGE)
    drawn = [Drawn(one.step, [noisy(i) for i in range(12)], [noisy(0)]) for one in run]
    source = render(page(choice=choice, drawn=drawn, copies={}))
    assert "Prompts come true" not in source and "Likeness to your photos" in source


def test_markup_escapes_all_but_its_own():
    assert markup.tag("p", "<b>", markup.tag("b", "&")) == "<p>&lt;b&gt;<b>&amp;</b></p>"
    assert markup.tag("p", class_='"x', title=None) == '<p class="&quot;x"></p>'
    assert markup.join(["a", ["<"]], "") == "a&lt;"


def curve(values, **options):
    steps = [0, 100, 200][: len(values)]
    return chart.Curve(steps, [Interval(value, value - 0.1, value + 0.1) for value in values], **options)


def test_a_curve_goes_through_its_values():
    source = chart.draw(curve([0.0, 0.5, 1.0], share=True), "x")
    heights = [float(y) for y in re.findall(r"cy=\"([\d.]+)\"", source)]
    bottom, top = chart.HEIGHT - chart.BOTTOM, chart.TOP
    assert heights == pytest.approx([bottom, (top + bottom) / 2, top])


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5], [0.1, 0.9]])
def test_any_curve_can_be_drawn(values):
    source = chart.draw(curve(values, chosen=0), "x")
    assert "nan" not in source and "inf" not in source
    read(source)


def test_labels_of_close_steps_do_not_touch_and_the_chosen_one_stays():
    steps = list(range(0, 1000, 50))
    flat = chart.Curve(steps, [Interval(0.5, 0.4, 0.6)] * len(steps), chosen=450)
    shown = [int(label) for label in re.findall(r'text-anchor="middle">(\d+)<', chart.draw(flat, "x"))]
    assert 450 in shown and 950 in shown and len(shown) <= 9


def test_ticks_are_round_numbers_inside_the_range():
    random = np.random.default_rng(0)
    for _ in range(200):
        low = random.normal()
        high = low + 10 ** random.uniform(-3, 1)
        ticks = chart._ticks(low, high)
        assert (
            2 <= len(ticks) <= 6
            and len({chart._number(tick, False, ticks[1] - ticks[0]) for tick in ticks}) == len(ticks)
            and low - 1e-9 <= ticks[0]
            and ticks[-1] <= high + 1e-9
        )


@pytest.mark.parametrize(
    ("prompts", "each", "beside"),
    [(4, 3, list(range(12))), (2, 2, [0, 1, 2, 3]), (25, 1, 12), (25, 3, 12), (5, 8, [0, 8, 16, 24, 32])],
)
def test_beside_the_photos_stand_no_more_pictures_than_fit_and_each_of_another_prompt(prompts, each, beside):
    from likewise.verdict.report import _shown

    found = _shown(prompts, each)
    assert found == beside or (len(found) == beside and len({index // each for index in found}) == beside)
    assert all(0 <= index < prompts * each for index in found)
