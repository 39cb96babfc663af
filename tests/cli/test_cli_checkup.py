"""`likewise doctor` reads what is there and advises on what is not."""

import pytest

from likewise.cli import checkup


def test_it_answers_in_lines_and_in_json(run):
    lines, data = run("doctor"), run("doctor", "--json")
    names = [check["name"] for check in data.json["checks"]]
    assert {"python", "torch", "diffusers", "device", "toybox", "memory", "disk"} <= set(names)
    assert all(name in lines.out for name in names)
    assert lines.code == data.code == (0 if data.json["healthy"] else 1)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torch>=2.10", ("torch", "2.10", "")),
        ("a.b-c==0.1.0; extra == 'diffusion'", ("a.b-c", "0.1.0", "diffusion")),
        ('mkdocs<2,>=1.6 ; python_version >= "3.11" and extra == "docs"', ("mkdocs", "1.6", "docs")),
        ("rich", ("rich", "", "")),
    ],
)
def test_a_requirement_is_read(line, expected):
    assert checkup.requirement(line) == expected


@pytest.mark.parametrize(
    ("found", "wanted", "good"),
    [("2.13.0+cpu", "2.10", True), ("2.9.1", "2.10", False), ("2.10", "2.10", True), ("3", "2.10.5", True)],
)
def test_versions_compare_by_number(found, wanted, good):
    assert checkup.at_least(found, wanted) is good


def test_a_missing_package_of_the_main_job_is_missing_with_advice(monkeypatch):
    monkeypatch.setattr(checkup, "version", lambda name: None if name in ("diffusers", "gradio") else "99.0")
    found = {check.name: check for check in checkup._packages()}
    assert found["diffusers"].verdict == "missing"
    assert "pip install 'likewise[diffusion]'" in found["diffusers"].advice
    assert (found["torch"].verdict, found["[studio]"].verdict) == ("ok", "option")


def test_damaged_weights_are_found(monkeypatch, tmp_path):
    from likewise.diffusion import loading

    monkeypatch.setattr(loading, "toybox_folder", lambda: tmp_path)
    assert next(checkup._weights()).verdict == "missing"
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet.safetensors").write_bytes(b"\x00" * 100)
    broken = next(checkup._weights())
    assert (broken.verdict, "damaged" in broken.advice) == ("missing", True)
