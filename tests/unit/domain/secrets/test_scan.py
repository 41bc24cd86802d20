"""What is found in a text, where, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.config.secrets import make_scanner
from hybridchat.domain.secrets.rules import Finding

SCANNER = make_scanner({})
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2


def found(text: str) -> list[tuple[str, str]]:
    return [(finding.kind, text[finding.start : finding.end]) for finding in SCANNER.scan(text)]


@pytest.mark.parametrize(
    ("text", "kind", "secret"),
    [
        (f"use {TOKEN}.", "GitHub token", TOKEN),
        (f"first\\n{TOKEN}\\n", "GitHub token", TOKEN),  # as it stands in JSON
        (f"?a=%22{TOKEN}%22", "GitHub token", TOKEN),
        (f"https://{TOKEN}@github.com/x/y", "GitHub token", TOKEN),
        ("postgres://app:s3cr3t!pw@db:5432/x", "URL password", "s3cr3t!pw"),
        ("Server=db;User Id=sa;Password=hunter22;Encrypt=True", "connection password", "hunter22"),
        ("card 4111 1111 1111 1111, valid", "card", "4111 1111 1111 1111"),
        ("card 4111\xa01111\xa01111\xa01111", "card", "4111\xa01111\xa01111\xa01111"),
        (
            "DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00",
            "IBAN",
            "DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00",
        ),
        ("4111111111111111 5500000000000004", "card", "4111111111111111"),
        ("IBAN DE89 3704 0044 0532 0130 00 AND more", "IBAN", "DE89 3704 0044 0532 0130 00"),
        ("DE89370400440532013000", "IBAN", "DE89370400440532013000"),
        ("her SSN is 536-90-4399", "US social security number", "536-90-4399"),
        ("NHS number: 943 476 5919", "UK NHS number", "943 476 5919"),
        ("write to (jane.doe+x@mail.example.co.uk).", "email", "jane.doe+x@mail.example.co.uk"),
        ("jörg@müller.de", "email", "jörg@müller.de"),
        ("DD_API_KEY=0a1b2c3d4e5f60718293a4b5c6d7e8f9", "secret", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        (f"Authorization: Bearer {TOKEN[4:]}", "bearer token", TOKEN[4:]),
    ],
)
def test_the_finding_is_the_secret_and_nothing_else(text: str, kind: str, secret: str) -> None:
    assert (kind, secret) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ghp_ is how such tokens begin",
        f"ghp_{'x' * 36}",  # a dummy
        f"x{TOKEN}",  # part of another word
        "postgres://user:password@localhost/db",
        "postgres://{user}:{password}@{host}/db",
        "4111 1111 1111 1112",  # the checksum
        "9111111111111111",  # nobody's range
        "0.4111111111111111",
        "a4111111111111111b",
        "DE89 3704 0044 0532 0130 01",
        "XX89370400440532013000",
        "943 476 5919",  # an NHS number only where somebody says so
        "at 12:30 on 2026-01-02, order 1700000000",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "icon@2x.png",
        "git@github.com:x/y.git",
        "https://user@host.org/",
        "@decorated",
        "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----",
        "token = os.environ['TOKEN_OF_THE_SERVICE']",
        'version = "20.10.0-rc1.post2"',
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_private_key_is_found_whole_and_its_frame_stays() -> None:
    body = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 20)
    ((kind, secret),) = found(f"see\n-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n")
    assert (kind, secret.strip()) == ("private key", body)


def test_two_that_overlap_are_one_so_that_nothing_of_either_is_left() -> None:
    scanner = make_scanner({"ticket": "[a-z]+_a1B2"})
    text = f"x {TOKEN} y"
    assert scanner.scan(text) == (Finding("GitHub token", 2, 2 + len(TOKEN)),)


@given(st.text(st.sampled_from("aA1 4-@.:/_=\n\\\"'kesyhpBEGIN"), max_size=200))
def test_findings_are_in_order_and_do_not_overlap(text: str) -> None:
    findings = SCANNER.scan(text)
    bounds = [position for finding in findings for position in (finding.start, finding.end)]
    assert bounds == sorted(bounds)
    assert all(0 <= finding.start < finding.end <= len(text) for finding in findings)
