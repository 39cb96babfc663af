"""Of several seeds learned side by side, some go on: their part of the state, as if the others had never been."""

from collections.abc import Mapping, Sequence

from likewise import checkpoint
from likewise.diffusion.backbone import Vectors
from likewise.textual_inversion.rows import as_tuple, row_name
from likewise.training import State


def narrow(state: State, seeds: Sequence[int], starts: Sequence[Mapping[str, Vectors]], keep: Sequence[int]) -> State:
    """What `optimise` over the seeds in `keep` resumes from, given a state of `optimise` over `seeds`.

    starts: those of `seeds`. keep: some of `seeds`, in the order that they are to have. Losses of seeds are summed and
    AdamW works element by element, so that a seed's rows and moments are those it would have alone.
    """
    assert keep and set(keep) <= set(seeds), f"seeds {list(keep)} are to be kept of {list(seeds)}"
    tensors = {}
    for place, seed in enumerate(keep):
        before = f"{list(seeds).index(seed)}/"
        for name, value in state.tensors.items():
            kind, own = _split(name)
            if own.startswith(before):
                tensors[f"{kind}{place}/{own.removeprefix(before)}"] = value
    first = {
        row_name(place, word, encoder): rows.float()
        for place, seed in enumerate(keep)
        for word, given in starts[list(seeds).index(seed)].items()
        for encoder, rows in enumerate(as_tuple(given))
    }
    origin = {"seed": keep[0], "seeds": list(keep), "starts": checkpoint.hash_tensors(first)}
    kept = {name: value for name, value in tensors.items() if name.startswith("weights/")}
    data = {**state.data, "made_from": {**state.data["made_from"], **origin}}
    return State(tensors, {**data, "weights_hash": checkpoint.hash_tensors(kept)})


def _split(name: str) -> tuple[str, str]:
    """ "adam/exp_avg/0/<x>/1" is "adam/exp_avg/" of "0/<x>/1"."""
    parts = name.split("/")
    return "/".join(parts[:-3]) + "/", "/".join(parts[-3:])
