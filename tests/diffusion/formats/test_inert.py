"""Pickled tensors are read as data: every value comes out, and nothing in the file can run."""

import os
import pickle
import zipfile

import pytest
import torch

from likewise.diffusion.formats import inert
from likewise.errors import BrokenFileError, UnsafeFileError


def saved(path, value):
    torch.save(value, path)
    return path


def rewritten(path, **members):
    """The archive with some members replaced; None takes one out."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    root = next(name for name in held if name.endswith("/data.pkl")).removesuffix("data.pkl")
    held |= {root + name.replace("__", "/").replace("data_pkl", "data.pkl"): data for name, data in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            if data is not None:
                archive.writestr(name, data)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_tensors_come_out_bit_for_bit(tmp_path, dtype):
    value = (torch.arange(12) - 5).reshape(3, 4).to(dtype)
    assert torch.equal(inert.read(saved(tmp_path / "a.pt", {"<a>": value}))["<a>"], value)


def test_what_torch_saves_beside_tensors_comes_out_too(tmp_path):
    held = {"name": "robö", "step": 3000, "rate": 0.5, "big": 2**40, "none": None, "yes": True, "list": [1, (2, "x")]}
    assert inert.read(saved(tmp_path / "a.pt", held)) == {**held, "list": [1, [2, "x"]]}


def test_views_parameters_and_parameter_dicts_are_their_values(tmp_path):
    rows = torch.arange(20.0).reshape(4, 5)
    held = {"view": rows.T[1:3], "one": torch.nn.Parameter(rows), "dict": torch.nn.ParameterDict({"*": rows})}
    found = inert.read(saved(tmp_path / "a.pt", held))
    assert torch.equal(found["view"], rows.T[1:3])
    assert torch.equal(found["one"], rows) and not found["one"].requires_grad
    assert torch.equal(found["dict"]["*"], rows)


class Call:
    """What an attacker pickles: a call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("function", [exec, print, os.remove, torch.hub.load, getattr, torch.load])
def test_a_file_that_would_call_something_is_refused_by_its_name_and_calls_nothing(tmp_path, protocol, function):
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')" if function is exec else ran
    path = saved(tmp_path / "a.pt", {"a": 1})
    rewritten(path, data_pkl=pickle.dumps({"a": Call(function, code)}, protocol))
    with pytest.raises(UnsafeFileError, match=rf"asks for .*{function.__name__}.*could run code"):
        inert.read(path)
    assert not ran.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s",  # no STOP
        b"\x80\x02s.",  # an item for nothing
        b"\x80\x02h\x05.",  # a memo that was never put
        b"\x80\x02ccollections\nOrderedDict\nq\x00.",  # a bare class
        b"\x80\x02ctorch\nFloatStorage\n)R.",  # a storage called
        b"\x80\x02}(lq\x00K\x01b.",  # protocol 0 and a state
        b"",
        b"hello",
    ],
)
def test_a_damaged_program_is_an_error_that_names_the_file(tmp_path, program):
    path = rewritten(saved(tmp_path / "a.pt", {"a": 1}), data_pkl=program)
    with pytest.raises((BrokenFileError, UnsafeFileError), match=r"a\.pt"):
        inert.read(path)


def test_a_program_that_refers_to_itself_or_doubles_itself_ends(tmp_path):
    path = saved(tmp_path / "a.pt", {"a": 1})
    laughs = []
    for _ in range(60):
        laughs = [laughs, laughs]
    assert inert.read(rewritten(path, data_pkl=pickle.dumps(laughs, 2)))
    circle = []
    circle.append(circle)
    assert inert.read(rewritten(path, data_pkl=pickle.dumps(circle, 2)))
    deep = b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b"."
    with pytest.raises(BrokenFileError):
        inert.read(rewritten(path, data_pkl=deep))


@pytest.mark.parametrize(
    ("offset", "size", "stride"), [(0, (100,), (1,)), (-1, (1,), (1,)), (0, (2,), (-1,)), (0, (9, 9), (0, 0))]
)
def test_a_tensor_beyond_its_bytes_is_refused(tmp_path, offset, size, stride):
    path = saved(tmp_path / "a.pt", {"a": torch.zeros(4)})
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        program = archive.read(name)

    class Evil:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, size, stride, False, {})

    class Storage:
        pass

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            return ("storage", torch.FloatStorage, "0", "cpu", 4) if isinstance(value, Storage) else None

    with (tmp_path / "program").open("wb") as file:
        Pickler(file, 2).dump({"a": Evil()})
    with pytest.raises(BrokenFileError, match=r"damaged"):
        inert.read(rewritten(path, data_pkl=(tmp_path / "program").read_bytes()))
    assert torch.equal(inert.read(rewritten(path, data_pkl=program))["a"], torch.zeros(4))


def test_missing_compressed_short_and_foreign_files_are_refused(tmp_path):
    short = rewritten(saved(tmp_path / "a.pt", {"a": torch.zeros(4)}), data__0=b"1234")
    missing = rewritten(saved(tmp_path / "b.pt", {"a": torch.zeros(4)}), data__0=None)
    big = rewritten(saved(tmp_path / "c.pt", {"a": torch.zeros(4)}), byteorder=b"big")
    packed = tmp_path / "d.pt"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({}, 2))
    other = tmp_path / "e.pt"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("hello.txt", "hello")
    (tmp_path / "f.pt").write_bytes(pickle.dumps({"a": 1}, 2))
    for path in (short, missing, big, packed, other, tmp_path / "f.pt", tmp_path / "nowhere.pt"):
        with pytest.raises(BrokenFileError, match=path.name):
            inert.read(path)
