"""Files of links, and graphs that evolve."""

from collections.abc import Iterable, Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning, nearest


class LinkFileError(LikewiseError):
    """A file of links that cannot be read at all."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(
            f"{path} cannot be read as links: {problem}.\n"
            "A CSV or Parquet file is needed, with a header and one row a link: source, target, time."
        )


class MissingColumnError(LikewiseError):
    """A file of links, or of features, without a column that is needed."""

    def __init__(self, path: object, column: str, meaning: str, known: Sequence[str]) -> None:
        close = nearest(column, known)
        hint = f"Did you mean {close!r}? " if close else ""
        listed = ", ".join(map(repr, known)) or "none"
        super().__init__(
            f"{path} has no column {column!r} ({meaning}). {hint}Its columns: {listed}.\n"
            f"Name the column that holds it with --{meaning}."
        )


class BadRowsError(LikewiseError):
    """Rows of a file that cannot be used, each with its line, column, what was found and what is needed."""

    def __init__(self, path: object, problems: Sequence[str], total: int) -> None:
        more = [f"  and {total - len(problems)} more"] if total > len(problems) else []
        rows = [f"  {problem}" for problem in problems]
        head = f"{path} has {total} row(s) that cannot be used:"
        super().__init__("\n".join([head, *rows, *more, "Mend them, or leave them out with --skip-bad-rows."]))


class SkippedRowsWarning(LikewiseWarning):
    """Rows of a file that were left out, as was asked."""

    def __init__(self, path: object, total: int, of: int, first: str) -> None:
        super().__init__(f"{total} of {of} rows of {path} were left out; the first: {first}.")


class TooFewSnapshotsError(LikewiseError):
    """A graph that changes too seldom to be learned from."""

    def __init__(self, found: int, needed: int, why: str) -> None:
        super().__init__(
            f"There are {found} snapshot(s); at least {needed} are needed, {why}.\n"
            "Cut time finer with --every or --snapshots, give links of a longer time, or keep fewer for validation and "
            "test with --val-snapshots and --test-snapshots."
        )


class CalendarError(LikewiseError):
    """Snapshots by the calendar, of times that are plain numbers."""

    def __init__(self, every: str) -> None:
        super().__init__(
            f"Snapshots by the {every} need dates, and the time column holds plain numbers.\n"
            "Give the width in its unit, such as --every 10, or a number of snapshots: --snapshots 16."
        )


class UnknownDomainError(LikewiseError):
    """A domain to hold out that no link has."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = nearest(name, known)
        hint = f"Did you mean {close!r}? " if close else ""
        listed = ", ".join(map(repr, known[:20])) or "none; name their column with --domain"
        super().__init__(f"No link has the domain {name!r}. {hint}Domains: {listed}.")


class UnknownNodeError(LikewiseError):
    """A node that the graph does not have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        close = nearest(name, known)
        hint = f" Did you mean {close!r}?" if close else ""
        super().__init__(f"The graph has no node {name!r}.{hint} It has {len(known)} nodes, named as in its file.")


class NoNegativesError(LikewiseError):
    """A graph in which every possible pair is linked, so that there is nothing to tell links from."""

    def __init__(self, kind: str, pairs: int) -> None:
        super().__init__(
            f"No {kind} negatives can be drawn: all {pairs} possible pairs are links of the snapshot.\n"
            "Cut time finer with --every or --snapshots, so that a snapshot holds fewer links."
        )


class TimeTableFullError(LikewiseError):
    """A snapshot later than any that a network has a place in time for."""

    def __init__(self, rows: int) -> None:
        super().__init__(
            f"The network knows {rows} snapshots, and this would be number {rows + 1}.\n"
            "Learn again from the longer history, which makes room for as many and 16 more."
        )


class AuthorsWeightsError(LikewiseError):
    """Weights by the names of the authors' implementation that do not fit the settings."""

    def __init__(self, missing: Sequence[str], unknown: Sequence[str], shapes: Sequence[str]) -> None:
        told = [("missing", missing), ("unknown", unknown), ("of another shape", shapes)]
        lines = [
            f"  {words}: {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}" for words, names in told if names
        ]
        super().__init__(
            "\n".join(["These are no weights of the authors' network with these settings.", *lines])
            + "\nGive their width (2 * nhid), heads, layers and features, and the graph they were learned on."
        )


class UnstreamedModelError(LikewiseError):
    """A model that keeps nothing of the past, given a new snapshot."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model {model!r} cannot be given new snapshots one by one.\n"
            "Learn with --model dida or --model attention, or learn again from the longer history."
        )


class UnexplainedModelError(LikewiseError):
    """A model without attention, asked which links its attention looked at."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model {model!r} has no attention over past links that could be shown.\n"
            "Learn with --model dida or --model attention to explain forecasts."
        )


class TooFewPairsError(LikewiseError):
    """Interventions that may not repeat a donor, and more of them than there are pairs."""

    def __init__(self, draws: int, pairs: int) -> None:
        super().__init__(
            f"{draws} draws without a donor drawn twice need as many pairs, and a step has {pairs}.\n"
            f"Give --draws {pairs} or fewer, or --intervention space-time, which may draw a donor twice."
        )


class FeatureError(LikewiseError):
    """Node features or classes that do not fit the graph."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"What is given of the nodes is {found}; {needed}.")


class NotFittedError(LikewiseError):
    """A model that was asked for an answer before it had learned."""

    def __init__(self, asked: str) -> None:
        super().__init__(f"{asked} needs a model that has learned: call fit(...) first, or DIDA.load(FOLDER).")


class ForecasterFolderError(LikewiseError):
    """A folder that holds no learned forecaster."""

    def __init__(self, folder: object, problem: str) -> None:
        super().__init__(
            f"{folder} holds no learned model of a graph: {problem}.\n"
            "Give a run that likewise dida learn finished, or make one: likewise dida learn LINKS.csv --out RUN"
        )


class WeakForecastWarning(LikewiseWarning):
    """A learned model that ranks links no better than remembering which pairs were linked before."""

    def __init__(self, model: float, memory: float) -> None:
        super().__init__(
            f"On the validation snapshots the model reaches AUC {model:.3f}, and remembering past pairs (EdgeBank) "
            f"{memory:.3f}: do not trust its order above memory's. Longer training or other settings may help."
        )


class UnmeasuredPartWarning(LikewiseWarning):
    """Held-out domains that leave a part of the evaluation without any link to judge by."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} Hold out other domains, or keep more snapshots for the test (test_snapshots).")


class TaskError(LikewiseError):
    """A forecaster of links asked for classes of nodes, or the other way round."""

    def __init__(self, asked: str, learned: str) -> None:
        ways = {"links": "forecast", "classes": "classify"}
        super().__init__(
            f"This forecaster learned {learned}, and {asked} were asked for. Use {ways[learned]}, or learn again with "
            f"task {asked}."
        )


class WeakClassesWarning(LikewiseWarning):
    """A learned model that tells classes no better than remembering each node's newest one."""

    def __init__(self, model: float, memory: float) -> None:
        super().__init__(
            f"On the validation snapshots the model tells {model:.1%} of the classes, and each node's newest class "
            f"before {memory:.1%}: use it for nodes whose class was never known. Other settings may help."
        )
