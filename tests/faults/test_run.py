"""scripts/run with a Python that only plays its part: what it asks for, and what it says when something is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("cat", "chmod", "cmp", "cp", "cut", "date", "dirname", "grep", "mkdir", "readlink", "sh", "tail")
PYTHON = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
  *ensurepip*) exit ${NO_VENV:-0} ;;
  *"-m venv"*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
  *"-m pip"*) [ -z "${REAL_PYTHON:-}" ] || exec "$REAL_PYTHON" "$@"; echo "$PIP_SAYS"; [ -z "$PIP_SAYS" ] ;;
  *"-m hybridchat"*) echo "opened with: $*" ;;
esac
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell script")


class Checkout:
    """A copy of what scripts/run reads, in a folder with a blank in its name."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my checkout"
        for part in ("scripts/run", "scripts/venv.sh", "requirements/run.lock", "pyproject.toml"):
            (self.root / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / part, self.root / part)
        self.path = folder / "bin"
        self.path.mkdir()
        for tool in TOOLS:
            (self.path / tool).symlink_to(str(shutil.which(tool)))
        self.calls = folder / "calls"

    def add_python(self) -> None:
        file = self.path / "python3"
        file.write_text(PYTHON)
        file.chmod(0o755)

    def run(self, *arguments: str, command: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """`scripts/run`, or a link to it, from another folder."""
        self.calls.write_text("")
        env = {"PATH": str(self.path), "CALLS": str(self.calls), "PIP_SAYS": "", **environment}
        script = command or self.root / "scripts/run"
        return subprocess.run([script, *arguments], env=env, cwd=os.sep, capture_output=True, text=True, timeout=50)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_time_it_installs_from_hashes_and_opens(checkout: Checkout) -> None:
    checkout.add_python()
    done = checkout.run("ask", "two words")
    assert (done.returncode, done.stdout) == (0, "opened with: -m hybridchat ask two words\n")
    assert re.fullmatch(r"scripts/run: installing into .venv, once …\nscripts/run: installed in \d+ s\n", done.stderr)
    pip = [call for call in checkout.calls.read_text().splitlines() if "-m pip install" in call]
    assert "--require-hashes --only-binary :all:" in pip[0]
    assert pip[1].endswith(f"--no-build-isolation --no-deps --editable {checkout.root}")


def test_the_second_time_it_only_opens(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.run()
    done = checkout.run("--version")
    assert checkout.calls.read_text() == "-m hybridchat --version\n"
    assert done.stderr == ""


@pytest.mark.parametrize("change", ["requirements/run.lock", "pyproject.toml"])
def test_a_change_installs_again(checkout: Checkout, change: str) -> None:
    checkout.add_python()
    checkout.run()
    with (checkout.root / change).open("a") as file:
        file.write("# another version\n")
    checkout.run()
    assert "-m venv --clear" in checkout.calls.read_text()


def test_an_interrupted_installation_is_made_anew(checkout: Checkout) -> None:
    checkout.add_python()
    assert checkout.run(PIP_SAYS="ERROR: half-way").returncode == 2
    assert checkout.run().returncode == 0
    assert "-m venv --clear" in checkout.calls.read_text()


def test_a_moved_checkout_installs_again(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.run()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    assert checkout.run().returncode == 0
    assert "-m venv --clear" in checkout.calls.read_text()


@pytest.mark.parametrize(
    ("says", "line"),
    [
        ("WARNING: Retrying after connection broken by …", "scripts/run: pip could not reach its package index"),
        (
            "Starting new HTTPS connection (1): pypi.org\nERROR: No matching distribution found for x==1\n",
            "scripts/run: pip failed: ERROR: No matching distribution",
        ),
    ],
)
def test_a_failing_pip_is_one_line(checkout: Checkout, says: str, line: str) -> None:
    checkout.add_python()
    done = checkout.run(PIP_SAYS=says)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(line)
    assert done.stdout == ""


@pytest.mark.parametrize("retries", ["0", "1"])
def test_a_real_pip_that_reaches_no_index_is_one_line(checkout: Checkout, retries: str) -> None:
    checkout.add_python()
    (checkout.root / "requirements/run.lock").write_text(f"no-such-thing==1 --hash=sha256:{'0' * 64}\n")
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": retries}
    done = checkout.run(REAL_PYTHON=sys.executable, **offline)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("scripts/run: pip could not reach its package index — ")


def test_a_link_to_it_opens_the_same_checkout(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.run()
    link = checkout.path.parent / "hybridchat"
    link.symlink_to(checkout.root / "scripts/run")
    done = checkout.run("--version", command=link)
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.calls.read_text() == "-m hybridchat --version\n"


def test_without_python_it_says_so(checkout: Checkout) -> None:
    done = checkout.run()
    assert done.returncode == 2
    assert done.stderr.startswith("scripts/run: Python 3.11 or newer is missing — ")
    assert done.stderr.count("\n") == 1


def test_without_the_venv_module_it_says_so(checkout: Checkout) -> None:
    checkout.add_python()
    done = checkout.run(NO_VENV="1")
    assert done.returncode == 2
    assert done.stderr.startswith("scripts/run: python3 lacks its venv module — ")
