"""The house keeps its order: who may import whom, what loads at once, what stays out, how long a file may be."""

import ast
import subprocess
import sys

import pytest

from architecture import HEAVY, circles, dangers, heavy, house, read, wrong_direction

LINES = 300

MODULES = read()


def test_parts_import_only_what_stands_above_them():
    assert wrong_direction(MODULES) == []


def test_parts_do_not_import_each_other_in_circles():
    assert circles(MODULES) == []


def test_help_and_plain_imports_load_nothing_heavy():
    assert heavy(MODULES) == []


def test_all_imports_are_absolute():
    assert [f"{m.name}:{line}" for m in MODULES for name, line in m.imports() if name.startswith(".")] == []


def test_no_pickle_no_global_seed_no_remote_code_no_shell_no_swallowed_errors():
    assert [danger for module in MODULES for danger in dangers(module)] == []


def test_every_module_says_its_idea_in_one_line():
    bare = [m.name for m in MODULES if not (ast.get_docstring(m.tree) or "").split("\n")[0].strip()]
    assert bare == []


def test_no_file_is_longer_than_300_lines():
    lengths = {module.name: len(module.text.splitlines()) for module in MODULES}
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_importing_likewise_loads_no_torch():
    code = f"import sys, likewise, likewise.errors; print({HEAVY} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# The checks themselves, on small houses.


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"seeds": "from likewise.errors import LikewiseError"}, 0),
        ({"errors": "from likewise import seeds"}, 1),
        ({"errors": "def f():\n    import likewise.seeds"}, 1),
        ({"diffusion/lora": "from likewise.diffusion.unet import x\nfrom likewise import training"}, 0),
        ({"training": "from likewise.dreambooth.learn import learn"}, 1),
        ({"dreambooth/learn": "from likewise.dreamsim import load"}, 1),
        ({"concept_tree/split": "from likewise.textual_inversion import learn"}, 0),
        ({"concept_tree/grow": "from likewise.textual_inversion import learn"}, 1),
        ({"gadgets": ""}, 1),
    ],
)
def test_the_check_of_directions_sees(files, count):
    assert len(wrong_direction(house(files))) == count


def test_the_check_of_circles_sees():
    chain = {"teach": "from likewise import verdict", "verdict": "from likewise import demo", "demo": ""}
    assert circles(house(chain)) == []
    chain["demo"] = "def f():\n    from likewise.teach import x"
    assert circles(house(chain)) == ["demo", "teach", "verdict"]


@pytest.mark.parametrize(
    ("files", "offenders"),
    [
        ({"cli/main": "import typer\ndef f():\n    import torch"}, []),
        ({"cli/main": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"}, []),
        ({"cli/main": "try:\n    import torch.nn as nn\nexcept ImportError:\n    pass"}, ["cli.main:3 loads torch.nn"]),
        ({"cli/main": "class A:\n    import ray"}, ["cli.main:3 loads ray"]),
        ({"registry": "from PIL import Image"}, ["registry:2 loads PIL.Image"]),
        ({"diffusion/__init__": "from numpy import array"}, ["diffusion:2 loads numpy.array"]),
        ({"diffusion/__init__": "from likewise.diffusion.unet import x", "diffusion/unet": "import torch"}, []),
        (
            {"cli/main": "from likewise.diffusion import unet", "diffusion/unet": "import torch"},
            ["cli.main -> likewise.diffusion.unet:2 loads torch"],
        ),
        (
            {
                "cli/main": "from likewise.a.b import c",
                "a/__init__": "from likewise import d",
                "a/b": "",
                "d": "import ray",
            },
            ["cli.main -> likewise.a -> likewise.d:2 loads ray"],
        ),
        ({"a/config": "import torch"}, ["a.config:2 loads torch"]),
        ({"a/learn": "import torch"}, []),
    ],
)
def test_the_check_of_heavy_imports_sees(files, offenders):
    assert heavy(house(files)) == [f"likewise.{offender}" for offender in offenders]


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load('x')",
        "from torch import save\nsave({}, 'x')",
        "import torch as t\nt.manual_seed(0)",
        "import numpy as np\nnp.random.seed(0)",
        "import random\nrandom.seed(0)",
        "load('x', trust_remote_code=True)",
        "run('x', shell=True)",
        "import os\nos.system('x')",
        "eval('1')",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    g()",
    ],
)
def test_the_check_of_dangers_sees(text):
    assert len(dangers(*house({"anything": text}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ntorch.Generator().manual_seed(0)",
        "model.eval()\nfile.load()",
        "load('x', trust_remote_code=False)\nrun('x', shell=False)",
        "try:\n    f()\nexcept BaseException:\n    g()\n    raise",
        "try:\n    f()\nexcept ValueError:\n    pass",
        "from safetensors.torch import load, save\nload('x')\nsave({})",
    ],
)
def test_the_check_of_dangers_lets_pass(text):
    assert dangers(*house({"anything": text})) == []
