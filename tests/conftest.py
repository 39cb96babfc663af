"""Every test runs alone: a home folder of its own, no network, few threads, and our own warnings are errors."""

import ipaddress
import os
import socket
import sys
from pathlib import Path

import pytest

SLOW = 1200  # seconds that a slow test may take, on a machine that does something else too
sys.path.insert(0, str(Path(__file__).parent))  # tests share `oracles` and small learners by plain imports
os.environ.setdefault("OMP_NUM_THREADS", "1")
for offline in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ[offline] = "1"


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_configure(config):
    if config.getoption("--slow"):
        config.option.markexpr = " and ".join(
            part for part in (config.option.markexpr or "").split(" and ") if part != "not slow"
        )
    # What our code warns of, and what other packages warn of at our lines. Their own business stays a warning.
    config.addinivalue_line("filterwarnings", r"error:::likewise(\..*)?$")
    config.addinivalue_line("filterwarnings", "error::likewise.errors.LikewiseWarning")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW))


@pytest.fixture(autouse=True, scope="session")
def _few_threads():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def home(tmp_path_factory):
    """A fresh LIKEWISE_HOME, and no user folder to fall back on."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:  # not the test's own, which it may undo
        for name in ("LIKEWISE_HOME", "HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(folder))
        yield folder


@pytest.fixture(autouse=True)
def _no_network(request):
    """Connections leave this machine only in tests marked network."""
    if request.node.get_closest_marker("network"):
        yield
        return

    def guarded(connect):
        def checked(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _refuse_unless_local(address[0])
            return connect(self, address)

        return checked

    def resolve(host, *rest, **more):
        _refuse_unless_local(host)
        return look_up(host, *rest, **more)

    look_up = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield


def _refuse_unless_local(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        local = name in (None, "", "localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        raise AssertionError(f"a test tried to reach {name}; mark it network, or do without")


@pytest.fixture
def seed() -> int:
    return 0


@pytest.fixture
def rng(seed):
    """A generator of the test's own; the global ones are never touched."""
    import torch

    return torch.Generator().manual_seed(seed)
