"""Pins through the real program, in its terminal and on the command line, among decoys."""

from __future__ import annotations

import json

from tests.privacy.pinning import SECRET
from tests.privacy.test_egress import needs_namespace, nothing, play, pytestmark

__all__ = ["pytestmark"]


def test_privacy_10_in_the_app_no_managed_backend_steps_in() -> None:
    found, seen = play("pinning.local_is_down_in_the_app")
    assert nothing(seen), seen
    assert "home" in found["shown"]


def test_privacy_11_a_local_only_app_builds_resolves_and_looks_up_nothing() -> None:
    """Ten turns with everything in the background that there is: health, budgets, forecasts, rules, the panel."""
    found, seen = play("pinning.the_app")
    assert nothing(seen), seen
    assert (found["turns"], found["noted"], found["asked"]) == (10, [], False)


def test_privacy_11_nor_does_one_without_a_screen() -> None:
    found, seen = play("pinning.without_a_screen")
    assert nothing(seen), seen
    assert (found["noted"], found["asked"]) == ([], False)
    assert found["codes"] == [0, 3, 3, 3, 3]


@needs_namespace
def test_what_a_local_only_run_must_not_begin_is_noticed() -> None:
    found, _ = play("pinning.the_watch")
    assert set(found["noted"]) >= {"a client for elsewhere", "a key", "the keyring", "the name managed.invalid"}
    assert any(line.startswith("the program touch") for line in found["noted"])
    assert found["asked"]


def test_privacy_11_no_command_of_a_local_only_run_does() -> None:
    found, seen = play("pinning.every_command")
    assert nothing(seen), seen
    assert (found["noted"], found["asked"]) == ([], False), found["done"]
    codes = {" ".join(done[:-1]): done[-1] for done in found["done"]}
    assert {name for name, code in codes.items() if code not in (0, 1, 2, 3)} == set()
    worked = ("ask these words must stay here", "list", "search words", "doctor", "stats", "models", "backends")
    assert {name: codes[name] for name in worked if codes[name] not in (0, 1)} == {}
    refused = ("escalate", "keys", "models pull qwen3-0.6b", "local up vllm --model maker/model", "backends add openai")
    assert {name: codes[name] for name in refused} == dict.fromkeys(refused, 3)


def test_privacy_12_a_pin_ends_a_managed_reply_and_marks_it() -> None:
    found, seen = play("pinning.pinned_while_it_streams")
    assert nothing(seen), seen
    shown, exported, usage, *_ = found["said"]
    assert "this turn left this machine" in shown
    message = json.loads(exported)["messages"][1]
    assert message["note"] == "pinned while it streamed: this turn left this machine"
    assert (message["state"], message["attempt"]["zone"]) == ("stopped", "managed")
    header, row = (line.split(",") for line in usage.splitlines()[:2])
    values = dict(zip(header, row, strict=True))
    names = ("zone", "privacy", "outcome", "error_kind")
    assert [values[name] for name in names] == ["managed", "open", "stopped", "pinned"]
    assert (found["codes"], found["left"]) == ([0, 0, 0, 3, 0], 1)


def test_privacy_13_the_app_refuses_local_only_without_its_guard() -> None:
    found, seen = play("pinning.the_app_without_its_guard")
    assert nothing(seen), seen
    assert (found["code"], found["requests"]) == (3, 0)
    assert "hybridchat: the guard that keeps device backends on this machine is not in place" in found["said"]


def test_privacy_16_unpinning_sends_nothing_that_was_not_chosen() -> None:
    found, seen = play("pinning.unpinned")
    assert nothing(seen), seen
    assert found["codes"] == [3, 0, 0, 3]
    assert found["left"][0] == ["anew"]
    assert found["left"][1][::2] == [f"first {SECRET}", "with the first"]
    assert found["left"][2:] == [["by the command line"]]
    assert f"third {SECRET}" in found["shown"]
    assert f"first {SECRET}" not in found["shown"]


def test_what_is_written_in_a_pinned_folder_stays() -> None:
    found, seen = play("pinning.in_a_folder")
    assert nothing(seen), seen
    assert found["codes"][:1] == [0]
    assert found["left"] == [["elsewhere"]]
    assert found["codes"][2:] == [0, 3, 3]
