"""Names lead to code, and a wrong name to the right one."""

import subprocess
import sys

import pytest

from likewise import registry
from likewise.errors import UnknownNameError


@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_every_method_resolves_to_settings_and_a_generator(name):
    assert registry.config(name).model_config["extra"] == "forbid"
    assert registry.config(name).model_config["frozen"] is True
    assert callable(registry.learn(name))


@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_every_setting_of_a_method_is_explained(name):
    assert [key for key, field in registry.config(name).model_fields.items() if not field.description] == []


def test_defaults_by_base_model_are_settings_that_exist():
    for name in registry.METHODS:
        known = registry.config(name).model_fields
        assert {key for row in registry.defaults(name).values() for key in row} <= set(known)


def test_a_wrong_name_brings_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no method called 'dreamboth'\. Did you mean 'dreambooth'"):
        registry.method("dreamboth")


def test_a_plugin_joins_by_an_entry_point(monkeypatch):
    monkeypatch.setattr(registry, "plugins", lambda: {"mine": "likewise.registry:METHODS"})
    assert "mine" in registry.methods()
    assert registry.method("mine") is registry.METHODS


def test_settings_load_no_torch():
    code = "import sys; from likewise import registry; [registry.config(n) for n in registry.METHODS]"
    subprocess.run([sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], check=True)
