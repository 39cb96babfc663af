"""Who will play whom next year, with one kind of match held out as the shift: DIDA, baselines, memory, team strength.

Run: python benchmarks/dida_football.py --data results.csv.gz [--first 2012 --held friendly --seeds 5 --epochs 60]. The
file is the international results set of martj42/international_results (CC0). Training never sees matches of the kind
held out; "same" judges the other kinds of the last three years, "shift" the kind held out, with messages of all. Each
(model, seed) is kept in results/dida_football.json as soon as it is done, and is not run again.
"""

import argparse
import csv
import gzip
import io
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from bookkeeping import RESULTS, write

from likewise.dida import measures
from likewise.dida.config import Config
from likewise.dida.edgebank import EdgeBank
from likewise.dida.evaluation import scorer
from likewise.dida.graph import Graph
from likewise.dida.learn import best, learn
from likewise.dida.networks import embed, make
from likewise.dida.splits import split
from likewise.metrics.intervals import paired

TEST, K, START = 3, 40.0, 1500.0  # years kept out; step and start of the Elo rating
MODELS = {
    "dida": {},
    "dida, masked": {"feature_mask": True},
    "dida, no penalty": {"strength": 0.0},
    "attention": {"model": "attention"},
    "gae": {"model": "gae"},
    "gcn-gru": {"model": "gcn-gru"},
    "evolvegcn": {"model": "evolvegcn"},
    "dysat": {"model": "dysat"},
    "dysat, irm": {"model": "dysat", "objective": "irm"},
    "dysat, vrex": {"model": "dysat", "objective": "vrex"},
    "dysat, groupdro": {"model": "dysat", "objective": "groupdro", "objective_strength": 0.01},
}


def kind(tournament):
    if tournament == "Friendly":
        return "friendly"
    return "qualification" if "qualification" in tournament or "Nations League" in tournament else "finals"


def matches(path, first):
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = csv.DictReader(io.StringIO(raw.decode("utf-8")))
    played = [row for row in rows if int(row["date"][:4]) >= first and row["home_score"].isdigit()]
    return sorted(played, key=lambda row: row["date"])


def yearly(played):
    """The graph of teams, and their Elo rating after every year, (T, N)."""
    teams = sorted({row[side] for row in played for side in ("home_team", "away_team")})
    number, kinds = {name: place for place, name in enumerate(teams)}, ("finals", "friendly", "qualification")
    years = sorted({row["date"][:4] for row in played})
    edges = [[number[row["home_team"]], number[row["away_team"]]] for row in played]
    domain = torch.tensor([kinds.index(kind(row["tournament"])) for row in played])
    ends = [sum(row["date"][:4] <= year for row in played) for year in years]
    graph = Graph(torch.tensor(edges).T.contiguous(), tuple(ends), domain, tuple(teams), kinds, tuple(years))
    rating, after, place = np.full(len(teams), START), [], 0
    for end in ends:
        for row in played[place:end]:
            home, away = number[row["home_team"]], number[row["away_team"]]
            expected = 1 / (1 + 10 ** ((rating[away] - rating[home]) / 400))
            won = (int(row["home_score"]) > int(row["away_score"])) + 0.5 * (row["home_score"] == row["away_score"])
            rating[home], rating[away] = rating[home] + K * (won - expected), rating[away] - K * (won - expected)
        after.append(rating.copy())
        place = end
    return graph, np.stack(after)


def heuristics(graph, rating):
    """Teams of like strength meet; teams that play much meet."""
    played = np.zeros((len(graph), graph.size))
    for t in range(len(graph)):
        played[t] = (played[t - 1] / 2 if t else 0) + np.bincount(graph.links(t).flatten(), minlength=graph.size)
    return {
        "like strength": lambda t, pairs: -np.abs(rating[t][pairs[0]] - rating[t][pairs[1]]),
        "how much they play": lambda t, pairs: played[t][pairs[0]] * played[t][pairs[1]],
        "edgebank": EdgeBank(graph),
    }


def judged(graph, seen, held, score_seen, score_all):
    """AUC and MRR, without and with the shift."""
    times = list(split(len(graph), 1, TEST).test)
    only = [graph.domains.index(held)]
    parts = {"same": (seen, None, score_seen), "shift": (graph, only, score_all)}
    found = {}
    for name, (over, domains, score) in parts.items():
        rounds = measures.trials(over, times, only=domains)
        figures = measures.measure(over, rounds, {"one": score})["one"]
        found[name] = {key: {end: figures[key][end] for end in ("value", "low", "high")} for key in ("auc", "mrr")}
    return found


def summed(runs):
    table, dida = {}, {run["seed"]: run for run in runs if run["model"] == "dida"}
    for name in dict.fromkeys(run["model"] for run in runs):
        mine = {run["seed"]: run for run in runs if run["model"] == name}
        row = {"seeds": len(mine)}
        for part in ("same", "shift"):
            for key in ("auc", "mrr"):
                row[f"{part} {key}"] = round(statistics.mean(run[part][key]["value"] for run in mine.values()), 4)
        both = sorted(mine.keys() & dida.keys())
        if name != "dida" and len(both) > 1:
            ours, theirs = ([one[seed]["shift"]["auc"]["value"] for seed in both] for one in (dida, mine))
            gain = paired(ours, theirs)
            row["dida's shift auc over it"] = [round(value, 4) for value in (gain.value, gain.low, gain.high)]
        table[name] = row
    return table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--held", default="friendly", choices=("finals", "friendly", "qualification"))
    for name, default in (("first", 2012), ("seeds", 5), ("epochs", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    torch.set_num_threads(1)
    about = {"held": given.held, "first": given.first, "epochs": given.epochs}
    path = RESULTS / "dida_football.json"
    saved = json.loads(path.read_text()) if path.exists() else {}
    if saved and any(saved[name] != value for name, value in about.items()):
        raise SystemExit(f"{path} holds another experiment; remove it first")
    runs = saved.get("runs", [])
    graph, rating = yearly(matches(given.data, given.first))
    seen = graph.without([given.held])
    about |= {"teams": graph.size, "matches": graph.ends[-1], "snapshots": list(graph.labels)}
    plain = [heuristics(over, rating) for over in (seen, graph)]
    for name in plain[0]:
        if not any(run["model"] == name for run in runs):
            found = judged(graph, seen, given.held, *(rules[name] for rules in plain))
            runs.append({"model": name, "seed": 0, **found})
    for seed in range(given.seeds):
        for name, options in MODELS.items():
            if any((run["model"], run["seed"]) == (name, seed) for run in runs):
                continue
            began = time.process_time()
            config = Config(**{"epochs": given.epochs, "test_snapshots": TEST, "validate_every": 5, **options})
            *_, step = learn(seen, config, seed)
            network = make(config, seen, seed)
            network.load_state_dict(best(step.state()))
            scores = [scorer(embed(network, over)) for over in (seen, graph)]
            found = judged(graph, seen, given.held, *scores)
            seconds = time.process_time() - began
            runs.append({"model": name, "seed": seed, **found, "cpu_seconds": seconds})
            write(path.stem, {**about, "summary": summed(runs), "runs": runs})
            print(name, seed, {part: found[part]["auc"]["value"] for part in found}, round(seconds, 1), flush=True)
    print(json.dumps(summed(runs), indent=2))


if __name__ == "__main__":
    main()
