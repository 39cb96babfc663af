"""Our losses are those that diffusers' own training scripts print, step after step, to a millionth.

fixtures/stock_losses.json holds what the scripts printed and says how it was made; `samples` is a hash of all that the
steps saw, so that another way to draw samples shows as such and not as another loss.
"""

import json
from pathlib import Path

import pytest

from likewise import diffusion
from oracles import stock_losses

RECORDED = json.loads((Path(__file__).parent / "fixtures/stock_losses.json").read_text(encoding="utf-8"))
STOCK = {row["case"]: row for row in RECORDED["cases"]}
QUICK = {"full epsilon", "lora+text v_prediction prior", "word epsilon"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("pipelines")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if case.name in QUICK else pytest.mark.slow)
        for case in stock_losses.CASES
    ],
)
def test_ten_losses_are_those_that_diffusers_script_printed(place, case):
    backbone = diffusion.load(stock_losses.pipeline(place, case))
    assert stock_losses.fingerprint(backbone, case) == STOCK[case.name]["samples"]
    assert list(stock_losses.ours(backbone, case)) == pytest.approx(STOCK[case.name]["stock"], abs=1e-6, rel=0)


def test_every_case_was_recorded_and_the_losses_tell_the_cases_apart():
    assert STOCK.keys() == {case.name for case in stock_losses.CASES}
    lasts = [row["stock"][-1] for row in STOCK.values()]
    assert all(abs(a - b) > 1e-5 for index, a in enumerate(lasts) for b in lasts[:index])
