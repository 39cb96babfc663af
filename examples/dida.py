"""Links that came and went become a forecast. Run: python examples/dida.py [LINKS.csv], with source, target, time."""

import sys

from likewise import dida
from likewise.dida import shift

# Without a file: 200 people in drifting groups, who mostly link within their own, over 9 snapshots.
if len(sys.argv) > 1:
    graph = dida.cut(dida.read(sys.argv[1]), count=16)
else:
    graph = shift.world(0, nodes=200, snapshots=9, links=500)

model = dida.DIDA(epochs=60, min_epochs=30, draws=200).fit(graph)
report = model.evaluate()
for name, figures in report["by_negatives"]["auto"].items():
    auc = figures["auc"]
    print(f"{name}: AUC {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}] on {', '.join(report['snapshots'])}")

print("Next:")
for link in model.forecast(top=5):
    print(f"  {link.source} - {link.target}: {link.probability:.1%} (linked {link.before} times before)")
