"""What the embedded engine can get, when its hub is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_hub_out_of_reach_is_said_in_one_line(flags: tuple[str, ...], cli: Cli, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text('[embedded]\nhub_url = "http://127.0.0.1:9"\n')
    said = cli("models", "pull", *flags)
    assert said.code == 0
    assert "qwen3-0.6b" in said.out
    assert said.err.count("\n") == 1
    assert said.err.startswith("sizes are unknown: nothing listens at 127.0.0.1:9")
