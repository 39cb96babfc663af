"""Mistakes and warnings as objects: they go between processes."""

import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from likewise.errors import HeadWordWarning, InitializerError, LikewiseError


@pytest.mark.parametrize(
    "mistake",
    [InitializerError("sea dog", 1, ["sea", "dog"]), HeadWordWarning("sea dog", "dog"), LikewiseError("plain")],
)
def test_what_was_said_and_what_it_holds_survive_pickle(mistake):
    mistake.held = 3
    again = pickle.loads(pickle.dumps(mistake))
    assert (type(again), str(again), again.held) == (type(mistake), str(mistake), 3)


def test_a_mistake_in_another_process_is_told_here():
    with ProcessPoolExecutor(1) as pool, pytest.raises(InitializerError, match=r"sea \+ dog"):
        pool.submit(refuse).result()


def refuse() -> None:
    raise InitializerError("sea dog", 1, ["sea", "dog"])
