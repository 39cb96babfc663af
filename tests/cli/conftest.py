"""Run commands in this process, in a folder of their own."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from likewise.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a command left: exit status, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


@pytest.fixture
def run(capsys, monkeypatch, tmp_path) -> Callable[..., Result]:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)

    def call(*argv: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in argv])
        return Result(int(stopped.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a tiny random pipeline."""
    from likewise.diffusion.tiny import pipeline

    return pipeline(tmp_path_factory.mktemp("tiny") / "model")
