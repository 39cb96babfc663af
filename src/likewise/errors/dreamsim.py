"""Metrics of likeness: their weights, their training, their indexes."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning


class MetricFeatureError(LikewiseError):
    """A feature that a network does not have."""

    def __init__(self, name: str, feature: str, known: Sequence[str]) -> None:
        super().__init__(f"{name} has no feature {feature!r}. It has: {', '.join(known)}.")


class MetricFolderError(LikewiseError):
    """A folder that holds no metric."""

    def __init__(self, folder: object, problem: str) -> None:
        super().__init__(
            f"{folder} holds no metric: {problem}.\n"
            "Give a folder that likewise dreamsim learn or likewise dreamsim convert wrote, or one with the unpacked "
            "weights of a released DreamSim."
        )


class MetricWeightsError(LikewiseError):
    """Weights that do not fit the network they are for, key by key."""

    def __init__(self, path: object, problems: Sequence[str]) -> None:
        rows = [f"  {problem}" for problem in problems[:5]]
        more = [f"  and {len(problems) - 5} more"] if len(problems) > 5 else []
        super().__init__("\n".join([f"{path} does not fit its network:", *rows, *more, "Give the weights it needs."]))


class MissingWeightsError(LikewiseError):
    """Released weights that are not in the folder; nothing is fetched in their place."""

    def __init__(self, name: str, folder: object, missing: Sequence[str]) -> None:
        rows = "\n".join(f"  {one}" for one in missing)
        super().__init__(
            f"{folder} lacks weights of {name!r}:\n{rows}\n"
            "Put them there, for a release by unpacking its archive into the folder. Nothing is downloaded."
        )


class NotCalibratedError(LikewiseError):
    """A probability from a metric that was never told what people say at which distance."""

    def __init__(self, name: str, what: str, needed: str) -> None:
        super().__init__(f"{name} is not calibrated for {what}: {needed}.")


class NoPlacesError(LikewiseError):
    """A map of where two pictures differ, from a metric whose features have no places."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} sees each picture as a whole, so it cannot say where two differ.\n"
            "Use the embedded metric, or a patch model (cls_patch)."
        )


class SplitError(LikewiseError):
    """Triplets that cannot be split as asked."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"The triplets cannot be split: found {found}; {needed}.")


class MixedIndexError(LikewiseError):
    """An index whose rows another metric made; both are hashes."""

    def __init__(self, folder: object, index: str, metric: str) -> None:
        super().__init__(
            f"The rows of {folder} were made by another metric (hash {index[:12]}, this one is {metric[:12]}), and a "
            "distance between the two would mean nothing.\nUse the metric that it was built with, or build it again."
        )


class IndexFolderError(LikewiseError):
    """A folder that holds no index."""

    def __init__(self, folder: object, problem: str) -> None:
        super().__init__(
            f"{folder} holds no index: {problem}.\nMake one: likewise dreamsim index build {folder} PICTURES"
        )


class HeadMismatchError(LikewiseError):
    """A metric with a head that is tuned on with a head of another kind or size."""

    def __init__(self, found: tuple[str, int], wanted: tuple[str, int]) -> None:
        kinds = [f"{kind} head" + (f" of width {size}" if size else "") for kind, size in (found, wanted)]
        same = f"--part {found[0]}" + (f" --hidden {found[1]}" if found[1] else "")
        super().__init__(
            f"The metric has a tuned {kinds[0]} already, which a new {kinds[1]} would throw away.\n"
            f"Tune that one on ({same}), its networks (--part lora), or start from a metric without a head."
        )


class SeenTripletsWarning(LikewiseWarning):
    """Triplets that a metric has been tuned on, or that chose its epoch, left out of what is made of the rest."""

    def __init__(self, count: int, total: int, what: str) -> None:
        super().__init__(f"{count} of {total} triplets are left out {what}: the metric has met them in its tuning.")


class UnvotedWarning(LikewiseWarning):
    """Triplets or pairs without any vote, left out."""

    def __init__(self, count: int, total: int) -> None:
        super().__init__(f"{count} of {total} questions have no votes yet and are left out.")


class FewGroupsWarning(LikewiseWarning):
    """A score over so few groups that its interval says little, or that there is none."""

    def __init__(self, groups: int, least: int) -> None:
        super().__init__(
            f"The score is of {groups} group(s) of triplets, and {least} at least are needed for an interval that says "
            "anything. Judge triplets of more categories, photos or people."
        )


class NoHeldOutWarning(LikewiseWarning):
    """A metric that was tuned without triplets kept apart, so that nobody can say whether it got better."""

    def __init__(self, why: str) -> None:
        super().__init__(f"No triplets are held out ({why}), so the gain of tuning was not measured.")


class NothingLearnedWarning(LikewiseWarning):
    """Votes that tuning could learn nothing from that holds for others of them; the metric stays as it was."""

    def __init__(self, gained: float, needed: float, count: int) -> None:
        super().__init__(
            f"By what was learned the {count} triplets kept to choose by are no likelier ({gained:+.1f} nats; "
            f"{needed:g} would be more than luck), so the metric stays as it was. Collect more votes, or try the "
            "'linear' part; `likewise dreamsim votes` says whether people agree with each other."
        )


class WorseMetricWarning(LikewiseWarning):
    """Tuning that did not pay on triplets held out."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(
            f"On held-out triplets the tuned metric agrees with people no better than before: {after} against "
            f"{before}. More votes, fewer epochs or the 'linear' part may help; the untuned metric is as good."
        )


class UnreadPicturesWarning(LikewiseWarning):
    """Pictures that could not be read and are left out."""

    def __init__(self, problems: Sequence[str], total: int) -> None:
        super().__init__(f"{len(problems)} of {total} pictures could not be read and are left out; {problems[0]}")


class NothingToExportError(LikewiseError):
    """An export that cannot be made or measured as asked."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"Found {found}; {needed}.")
