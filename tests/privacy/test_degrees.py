"""Scenarios 6 to 9: what local means, with Ollama's captures byte for byte and programs under other names."""

from __future__ import annotations

import sys

import pytest

from tests.privacy.test_egress import nothing, play

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which program answers")
HOST = "127.0.0.1:21999"


def test_privacy_06_a_stub_that_forwards_is_asked_under_a_name_that_stays_here() -> None:
    found, seen = play("degrees.a_stub_that_forwards")
    assert nothing(seen), seen
    assert found["codes"] == [3, 3], found["said"]
    known, fresh = found["asked"]
    assert "harmless" not in str(known), "known to forward, it gets no word"
    assert [name for name in fresh if "harmless" in name] == ["harmless:latest:local"]
    assert found["told"] == [False, True], "the server that refuses it is the only one that heard"
    assert all(HOST in said for said in found["said"])


def test_privacy_07_cloud_names_are_refused_before_any_byte() -> None:
    found, seen = play("degrees.cloud_names")
    assert nothing(seen), seen
    assert (found["codes"], found["bodies"]) == ([3] * 4, [])
    assert all("forwarded to Ollama's cloud" in said for said in found["said"])
    assert "Ollama's cloud" in found["shown"]


def test_privacy_08_a_chunk_that_reveals_another_host_ends_the_reply_and_demotes() -> None:
    found, seen = play("degrees.a_chunk_that_reveals")
    assert nothing(seen), seen
    assert (found["code"], found["row"]) == (1, ["managed", None, "error", "forwarded"])
    assert HOST in found["said"] and "LEAKED" not in found["said"]
    assert found["questions"] == [1, 1], "nothing more went there"
    assert "LEAKED" not in found["shown"]
    assert f"it forwarded a reply to http://{HOST} in this run" in found["shown"]


def test_privacy_09_only_ollamas_own_program_is_verified() -> None:
    found, seen = play("degrees.degrees")
    assert nothing(seen), seen
    proofs = {name: (code, proof) for name, (code, proof, *_) in found.items() if name != "word"}
    assert proofs == {
        "ollama": (0, "verified"),
        "tunnel": (3, None),
        "tunnel, in the config": (0, "vouched"),
        "tunnel, vouched": (0, "vouched"),
        "another tunnel": (3, None),
        "another tunnel, again": (3, None),
        "a server": (3, None),
        "a server, in the config": (0, "vouched"),
    }
    nobody, given, executable = found["word"]
    assert (nobody, given, executable.rpartition("/")[2]) == (2, 0, "ssh")
    said = {name: found[name][2] for name in ("tunnel", "another tunnel", "a server")}
    assert all("`hybridchat backends vouch here`" in line and "vouched = true" in line for line in said.values())
    assert "/ssh answers, which is not Ollama" in said["tunnel"]
    assert "your word for it has ended" in said["another tunnel"] and "/ssh" in said["another tunnel"]


def test_privacy_09_a_program_that_took_the_port_since_the_last_look_hears_nothing() -> None:
    found, seen = play("degrees.replaced")
    assert nothing(seen), seen
    assert (found["before"], found["after"], found["heard"]) == ("verified", "assumed", [])
    assert "/programs/ssh (process " in found["note"] and "nothing was sent" in found["note"]


def dialog(shown: str) -> str:
    """The words of the dialog alone, without the screen behind it."""
    lines = shown.splitlines()
    title = next(line for line in lines if "Do you know that" in line)
    left = title.index("Do you know that")
    return " ".join(" ".join(line[left : left + 60] for line in lines).split())


def test_privacy_09_the_app_asks_once_in_plain_words() -> None:
    found, seen = play("degrees.asked_in_the_app")
    assert nothing(seen), seen
    for words in ("http://127.0.0.1:", "/programs/vllm (process ", "ssh -L", "ends when one of them changes"):
        assert words in dialog(found["question"]), words
    assert "to first token" not in found["after_no"]
    assert "loopback, you vouched" in found["answered"]
    assert "loopback, you vouched" in found["later"] and "Do you know" not in found["later"]
    assert "because your word of" in " ".join(found["meaning"].split())
