"""Every test runs in a home of its own, without keys, proxies or a way to the network."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from hybridchat.net.http import share_http_library
from tests.fakes.keyrings import InstallKeyring
from tests.kill_switch import sitecustomize as kill_switch

hypothesis.settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("unhurried")
share_http_library()  # before a vendor's library brings the other one in, after which nobody could share ours


HERE = Path(__file__).parent
PARTS = {  # by folder
    **dict.fromkeys(("architecture", "faults", "oracles", "privacy", "screens", "terminal", "tui"), "thorough"),
    "real": "real",
}


def pytest_report_header() -> str:
    from tests.privacy.namespaces import has_namespaces

    return f"privacy: {'network namespaces' if has_namespaces() else 'the audit hook (no network namespaces here)'}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part",
        choices=["fast", *dict.fromkeys(PARTS.values())],
        help="thorough: programs, screens, terminals, real sessions, vendors' libraries; real: engines; fast: the rest",
    )
    parser.addoption("--require-real", action="store_true", help="fail where a real engine cannot run")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is not in the wanted part is not even imported: a vendor's library alone takes a second, in each worker."""
    part = config.getoption("--part")
    is_room = collection_path.parent == HERE and collection_path.is_dir()
    return True if part and is_room and PARTS.get(collection_path.name, "fast") != part else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test has its part as a marker too, for `-m`."""
    for item in items:
        item.add_marker(PARTS.get(item.path.relative_to(HERE).parts[0], "fast"))


def pytest_collection_finish() -> None:
    """What is there by now stays; a third of the interface's tests was the collector going through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 5, 5)


def pytest_unconfigure() -> None:
    gc.unfreeze()


@pytest.fixture(autouse=True)
def escapes(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fails the test even when the code under test, here or in a program that it started, swallowed the kill-switch's
    exception; the file has a line for each. Real engines are left alone: vLLM's workers look for their own address.
    """
    record = tmp_path / "escapes"
    monkeypatch.setenv(kill_switch.RECORD, str(record))
    if "real" not in request.keywords:
        monkeypatch.setenv("PYTHONPATH", str(Path(kill_switch.__file__).parent), prepend=os.pathsep)
    yield record
    assert not record.exists(), f"reached for the network: {record.read_text()}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`HYBRIDCHAT_HOME` of this test; the folder does not exist yet."""
    for name in list(os.environ):
        if name.upper().endswith(("_API_KEY", "_PROXY", "_BASE_URL", "_TOKEN")) or name.startswith(("OLLAMA_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")  # the keys of whoever runs this
    folder = tmp_path / "home"
    monkeypatch.setenv("HYBRIDCHAT_HOME", str(folder))
    return folder


@pytest.fixture
def install_keyring(monkeypatch: pytest.MonkeyPatch) -> InstallKeyring:
    """Makes that the system's keyring."""
    import keyring

    return lambda chosen: monkeypatch.setattr(keyring, "get_keyring", lambda: chosen)


LiveIn = Callable[[str], None]


@pytest.fixture
def live_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveIn]:
    """Sets the system's time zone."""
    if sys.platform == "win32":
        pytest.skip("Windows takes its time zone from the system alone")

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()
