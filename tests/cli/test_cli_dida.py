"""`likewise dida`: a file of links goes in, a ranked forecast comes out; mistakes are told in plain lines."""

import csv
import shlex

import pytest

FEW = ("--epochs", 6, "--min-epochs", 2, "--draws", 4, "--features", 4, "--width", 8, "--heads", 2)


@pytest.fixture(scope="module")
def links(tmp_path_factory):
    """Two clubs whose members meet within them, month by month; kind b only in one of them."""
    path = tmp_path_factory.mktemp("links") / "meetings.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["who", "whom", "when", "kind"])
        for month in range(1, 8):
            for i in range(12):
                a, b = i, (i + 2 * (1 + (month + i) % 4)) % 24
                writer.writerow([f"n{a}", f"n{b}", f"2024-{month:02d}-{1 + i % 28:02d}", "ab"[i % 3 == 0]])
    return path


COLUMNS = ("--source", "who", "--target", "whom", "--time", "when")


def test_one_command_makes_a_forecast_from_a_file(run, links):
    result = run("dida", "forecast", links, *COLUMNS, "--every", "month", "--top", 5, *FEW, "--json")
    assert result.code == 0
    found = result.json["links"]
    assert len(found) == 5 and result.json["after"] == "2024-07"
    assert [one["probability"] for one in found] == sorted((one["probability"] for one in found), reverse=True)
    assert all(0 <= one["probability"] <= 1 and one["before"] >= 0 for one in found)
    again = run("dida", "forecast", links, *COLUMNS, "--every", "month", "--top", 5, *FEW, "--json")
    assert again.json["links"] == found


def test_a_run_is_learned_measured_and_asked(run, links):
    how = (links, *COLUMNS, "--domain", "kind", "--every", "month", "--hold-out", "b", "--out", "run", *FEW)
    learned = run("dida", "learn", *how, "--json")
    assert learned.code == 0 and learned.json["snapshots"] == 7
    assert run("dida", "learn", *how).code == 1  # the run is there already
    report = run("dida", "evaluate", "run", "--negatives", "auto", "--json").json
    assert report["period"] == "test" and list(report["by_negatives"]) == ["auto"] and report["shift"]["links"] > 0
    lines = run("dida", "evaluate", "run").out
    assert "Under shift, links of b alone" in lines and "edgebank" in lines
    asked = run("dida", "forecast", "run", "--who", "n3", "--new", "--top", 3).out.splitlines()
    assert len(asked) == 6 and all(" n3 " in line for line in asked[1:4])
    for flag, value in (("--epochs", 3), ("--every", "week"), ("--seed", 0), ("--source", "who"), ("--domain", "kind")):
        refused = run("dida", "forecast", "run", flag, value)
        assert refused.code == 2 and "keeps its settings" in refused.err and flag in refused.err


def test_a_run_says_what_changed_and_why(run, links, tmp_path):
    how = (links, *COLUMNS, "--domain", "kind", "--every", "month", "--out", "run", *FEW)
    assert run("dida", "learn", *how).code == 0
    told = run("dida", "explain", "run", "--out", "drawn")
    assert "AUC training" in told.out and "Drawn: drawn/drift.svg" in told.out
    report = run("dida", "explain", "run", "--json").json
    assert set(report["by_domain"]) == {"a", "b"} and report["drawings"] == []
    why = run("dida", "explain", "run", "--pair", "n1", "n3", "--after", "2024-05", "--top", 2)
    lines = why.out.splitlines()
    assert lines[0].startswith("n1 - n3 after 2024-05: probability") and "weaker ones" in lines[-1]
    data = run("dida", "explain", "run", "--pair", "n1", "n3", "--top", 2, "--json").json
    assert len(data["carriers"]) == 2 and data["past_links"] > 2
    assert "Did you mean '2024-05'" in run("dida", "explain", "run", "--pair", "n1", "n3", "--after", "2024-5").err


def test_a_run_that_is_over_resumes_to_what_it_was(run, links):
    how = (links, *COLUMNS, "--snapshots", 6, "--out", "run", *FEW)
    first = run("dida", "learn", *how, "--json").json
    again = run("dida", "learn", *how, "--resume", "--json").json
    assert first["validation"] == again["validation"]


def test_mistakes_are_told(run, links, tmp_path):
    assert "no column 'source'" in run("dida", "forecast", links).err
    bad = tmp_path / "bad.csv"
    bad.write_text("source,target,time\na,b,1\na,a,2\n")
    result = run("dida", "learn", bad)
    assert (result.code, result.out) == (1, "") and "line 3, column target" in result.err
    assert "no learned model" in run("dida", "evaluate", tmp_path).err
    wrong = run("dida", "learn", links, *COLUMNS, "--domain", "kind", "--hold-out", "c")
    assert "No link has the domain 'c'" in wrong.err
    assert "no node 'nobody'" in run("dida", "forecast", links, *COLUMNS, *FEW, "--who", "nobody").err


def test_the_settings_can_be_seen(run, links):
    result = run("dida", "learn", links, "--strength", 0.1, "--dump-config")
    assert "strength = 0.1\n" in result.out and 'variant_softmax = "reference"\n' in result.out


def test_a_run_learns_what_nodes_are(run, links, tmp_path):
    file = tmp_path / "classes.csv"
    file.write_text("node,class\n" + "".join(f"n{i},{'even' if i % 2 == 0 else 'odd'}\n" for i in range(24)))
    how = (links, *COLUMNS, "--every", "month", "--skip-bad-rows", "--out", "run", *FEW)
    strict = [one for one in how if one != "--skip-bad-rows"]
    assert "has no link" in run("dida", "learn", *strict, "--classes", file).err
    learned = run("dida", "learn", *how, "--classes", file)
    assert learned.code == 0 and "2 classes" in learned.out and "newest class before" in learned.out
    assert "macro F1" in run("dida", "evaluate", "run").out
    report = run("dida", "evaluate", "run", "--json").json
    assert 0 <= report["dida"]["accuracy"]["value"] <= 1
    asked = run("dida", "forecast", "run", "--who", "n3", "--json").json
    assert [one["node"] for one in asked["nodes"]] == ["n3"] and asked["nodes"][0]["known"] == "odd"
    for mistake, told in (
        (("dida", "forecast", "run", "--new"), "not pairs"),
        (("dida", "forecast", "run", "--who", "n99"), "n99"),
        (("dida", "evaluate", "run", "--negatives", "auto"), "told from no pairs"),
        (("dida", "explain", "run"), "learned classes"),
        (("dida", "learn", *how, "--task", "classes"), "only with --classes"),
        (("dida", "learn", *how, "--classes", file, "--task", "links"), "to learn classes"),
    ):
        result = run(*mistake)
        assert result.code == 1 and told in result.err


def test_a_domain_that_ends_before_the_test_is_told_when_learned_and_measured(run, tmp_path):
    rows = [
        f"n{i},n{(i + 1 + month) % 12},{month},{'b' if month < 4 and i % 2 else 'a'}\n"
        for month in range(8)
        for i in range(9)
    ]
    (tmp_path / "ended.csv").write_text("source,target,time,kind\n" + "".join(rows))
    how = ("--domain", "kind", "--every", 1, "--hold-out", "b", "--out", "run", *FEW)
    assert "No link of b is in the test snapshots" in run("dida", "learn", "ended.csv", *how).err
    told = run("dida", "evaluate", "run", "--negatives", "auto")
    assert told.code == 0 and "No link of b" in told.out and "Under shift" not in told.out


def test_the_command_that_goes_on_asks_for_the_same(run, tmp_path, monkeypatch):
    from likewise.dida import DIDA

    rows = [f"n{i},n{(i + 1 + month) % 12},{month},{'ab'[i % 2]}\n" for month in range(8) for i in range(9)]
    (tmp_path / "plain.csv").write_text("source,target,time,domain\n" + "".join(rows))
    how = ("--domain", "domain", "--hold-out", "b", "--every", 1, "--out", "run", *FEW, "--skip", "--no-both-ways")
    told, fit = [], DIDA.fit

    def noted(self, graph, **more):
        told.append(more["resume_command"])
        return fit(self, graph, **more)

    monkeypatch.setattr(DIDA, "fit", noted)
    assert run("dida", "learn", "plain.csv", *how).code == 0
    again = run(*shlex.split(told[0])[1:])
    assert again.code == 0 and told[1] == told[0] and "--domain domain" in told[0]
