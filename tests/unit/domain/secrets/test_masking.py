"""Nothing that was found is left in what is sent, and what comes back is what was written."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from hybridchat.config.secrets import make_scanner
from hybridchat.domain.secrets.masking import Unmasker, label_of, mask, unmask

scan = make_scanner({}).scan

CARD, IBAN, TOKEN = "4111 1111 1111 1111", "DE89370400440532013000", "ghp_" + "a1B2c3D4e5F6" * 3
URL = "postgres://app:s3cr3t!pw@db.example.org/x"
PIECES = st.one_of(
    st.sampled_from(
        [CARD, IBAN, TOKEN, URL, "jane@corp.com", "joe@corp.com", "<EMAIL_1>", "<CARD_2>", "<EMAIL_", "1>"]
    ),
    st.sampled_from([" ", "-", "\n", "4", "x", "<", ">", "@", "://", "\\n", "é", "😀"]),
    st.text(max_size=4),
)
TEXTS = st.lists(st.lists(PIECES, max_size=8).map("".join), max_size=4)


def test_the_same_value_has_the_same_placeholder_in_every_text() -> None:
    masked = mask(["from jane@corp.com to joe@corp.com", f"joe@corp.com paid with {CARD}"], scan)
    assert masked.texts == ("from <EMAIL_1> to <EMAIL_2>", "<EMAIL_2> paid with <CARD_1>")
    assert masked.values == {"<EMAIL_1>": "jane@corp.com", "<EMAIL_2>": "joe@corp.com", "<CARD_1>": CARD}


def test_a_placeholder_that_somebody_wrote_stays_theirs() -> None:
    masked = mask(["<EMAIL_1> stands for jane@corp.com"], scan)
    assert masked.texts == ("<EMAIL_1> stands for <EMAIL_2>",)
    assert unmask("<EMAIL_1>, <EMAIL_2>", masked.values) == "<EMAIL_1>, jane@corp.com"


def test_the_rest_of_a_url_stays_readable() -> None:
    assert mask([URL], scan).texts == ("postgres://app:<URL_PASSWORD_1>@db.example.org/x",)


def test_labels() -> None:
    assert [label_of(kind) for kind in ("OpenAI key", "email", "Spanish DNI", "…")] == [
        *("OPENAI_KEY", "EMAIL", "SPANISH_DNI", "SECRET")
    ]


@given(TEXTS)
@example([f"{CARD}{TOKEN}", "<EMAIL_1>jane@corp.com<EMAIL_1>"])
def test_unmasking_is_the_way_back(texts: list[str]) -> None:
    masked = mask(texts, scan)
    assert [unmask(text, masked.values) for text in masked.texts] == texts


@given(TEXTS)
@example([f"{TOKEN}{CARD}@corp.com", f"a{CARD}-{TOKEN}"])
def test_nothing_is_found_after_masking(texts: list[str]) -> None:
    assert [scan(text) for text in mask(texts, scan).texts] == [()] * len(texts)


@given(TEXTS)
def test_masking_again_gives_the_same(texts: list[str]) -> None:
    assert mask(texts, scan) == mask(texts, scan)


@given(TEXTS, st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_a_placeholder_is_put_back_wherever_the_stream_is_cut(texts: list[str], sizes: list[int]) -> None:
    masked = mask(texts, scan)
    stream = "\n".join(masked.texts) + " <EMAIL"
    unmasker, came, at = Unmasker(masked.values), "", 0
    for size in [*sizes, len(stream)]:
        came += unmasker.take(stream[at : at + size])
        at += size
    assert came + unmasker.rest() == unmask(stream, masked.values)


def test_nothing_waits_that_cannot_become_a_placeholder() -> None:
    unmasker = Unmasker({"<EMAIL_1>": "jane@corp.com"})
    assert [unmasker.take(piece) for piece in ("a <", "b", "<EMA", "IL_1", ">!", "<EMAIL_2")] == [
        *("a ", "<b", "", "", "jane@corp.com!", "<EMAIL_2")
    ]


def test_own_patterns_that_match_placeholders_end_as_well() -> None:
    own = make_scanner({"tag": "<[A-Z_0-9]+>", "any": "[a-z]+"}).scan
    masked = mask(["see <ONE> and jane@corp.com"], own)
    assert unmask(masked.texts[0], masked.values) == "see <ONE> and jane@corp.com"
    assert "jane" not in masked.texts[0]
