"""Which national teams meet next year? Run: python examples/dida_football.py [FOLDER for drawings].

data/football.csv holds the matches that 72 teams played with each other from 2015 to 2024, out of the international
results set martj42/international_results (CC0): date, home, away, kind. Friendlies are held out of training: the shift.
"""

import sys
from pathlib import Path

from likewise import dida
from likewise.dida.picturing import draw

links = dida.read(Path(__file__).parent / "data/football.csv",
                  source="home", target="away", time="date", domain="kind")  # fmt: skip
graph = dida.cut(links, every="year")
model = dida.DIDA(epochs=60, min_epochs=30, draws=200).fit(graph, held=["friendly"])

report = model.evaluate(kinds=["auto"])
for what, part in (("competitive matches", report), ("friendlies, never learned from", report["shift"])):
    for name, figures in part["by_negatives"]["auto"].items():
        auc = figures["auc"]
        print(f"{what}: {name} AUC {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]")

print(f"Likeliest matches of the year after {graph.labels[-1]}:")
for link in model.forecast(top=5):
    print(f"  {link.source} - {link.target}: {link.probability:.0%} (met {link.before} times)")

why = model.explain("Brazil", "Argentina")
print(f"Brazil - Argentina: {why.probability:.0%}; of {len(why.carriers)} past matches these weigh most:")
for one in why.carriers[:3]:
    print(f"  {one.end} with {one.other}, {one.snapshot}, {one.domain}: effect {one.effect:+.3f}")

if len(sys.argv) > 1:
    for path in draw(model.changes(), sys.argv[1]):
        print(f"Drawn: {path}")
