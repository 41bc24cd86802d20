"""Pinned conversations through the real program, among decoys: nothing gets anywhere but to the local server.

Where the system allows it each test runs in a network namespace, whose kernel counts every attempt of every library;
elsewhere the tests' audit hook judges, which sees Python's own sockets. The head of the run says which.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.privacy.namespaces import has_namespaces
from tests.privacy.sandbox import KEY, NAMESPACE

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals and namespaces are POSIX's"),
    pytest.mark.timeout(150),  # whole sittings, on a machine that does much else
]
needs_namespace = pytest.mark.skipif(not has_namespaces(), reason="this system refuses network namespaces")

ROOT = Path(__file__).parents[2]
Found = dict[str, Any]


def play(scenario: str) -> tuple[Found, dict[str, int]]:
    """What the scenario found, and what the decoys and the kernel saw."""
    program, env = [sys.executable, "-m", "tests.privacy.sandbox", scenario], dict(os.environ)
    if has_namespaces():
        program = [*NAMESPACE, *program, "--namespace"]
        del env["PYTHONPATH"]  # without the tests' hook: here the decoys and the kernel judge
    done = subprocess.run(
        program, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=140
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    return result["found"], result["seen"]


def nothing(seen: dict[str, int]) -> bool:
    return not any(seen.values())


def test_the_decoys_and_the_kernel_notice() -> None:
    _, seen = play("noticing")
    assert {name for name, count in seen.items() if not count} == set()


def test_privacy_01_a_whole_session_stays_on_loopback() -> None:
    found, seen = play("a_session")
    assert nothing(seen), seen
    assert found == {"turns": 2, "code": 0, "audit": "[\n]"}


def test_privacy_01_every_command_stays_on_loopback() -> None:
    found, seen = play("every_command")
    assert nothing(seen), seen
    assert (found["failed"], found["pinned"], found["looks"], found["missing"]) == ([], [], [], [])
    assert (found["first"], found["refused"], found["audit"]) == (0, [3, 3, 3], "[\n]")


def test_privacy_02_proxy_variables_are_not_obeyed() -> None:
    found, seen = play("proxies")
    assert nothing(seen), seen
    assert (found["codes"], found["replies"], found["in_the_app"]) == ([0] * 14, [True] * 14, 1)


def test_privacy_03_redirects_are_not_followed() -> None:
    found, seen = play("redirects")
    assert nothing(seen), seen
    assert found["codes"] == [1] * 5
    assert all("redirects are never followed" in said and said.count("\n") == 1 for said in found["said"])
    assert "redirects to 127.0.0.1" in found["shown"]


def test_privacy_04_addresses_that_only_look_local_are_refused() -> None:
    found, seen = play("addresses_that_look_local")
    assert nothing(seen), seen
    assert found == {"not_refused": [], "answered": [0, 0, 0, 0]}


@needs_namespace
def test_privacy_05_localhost_is_dialled_not_looked_up() -> None:
    found, seen = play("localhost_is_elsewhere")
    assert nothing(seen), seen
    assert found == {"leads_to": "192.0.2.1", "code": 0, "in_the_app": 1, "decoy": 0}


def test_privacy_10_no_managed_backend_steps_in_for_a_local_one() -> None:
    found, seen = play("local_is_down")
    assert nothing(seen), seen
    assert found["codes"] == [1, 1, 3, 3, 3], found["said"]


def test_privacy_11_ten_turns_of_a_local_only_run_build_no_managed_client() -> None:
    found, seen = play("ten_turns")
    assert nothing(seen), seen
    assert found["turns"] == 10


def test_privacy_13_without_the_guard_local_only_is_refused() -> None:
    found, seen = play("without_the_guard")
    assert nothing(seen), seen
    assert (found["code"], found["requests"]) == (3, 0), found["said"]
    assert "guard" in found["said"]


def test_privacy_14_addresses_and_keys_of_the_environment_are_not_obeyed() -> None:
    found, seen = play("addresses_of_the_environment")
    assert nothing(seen), seen
    assert found["codes"] == [0, 0, 0, 0]
    assert found["headers"]
    assert "tok/s" in found["shown"], "it was answered"
    assert "OLLAMA_HOST" in found["offered"]
    assert all("authorization" not in headers and KEY not in str(headers) for headers in found["headers"])
