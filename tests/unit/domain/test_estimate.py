"""Tokens from characters: by script, then by what the model did before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.attachments import PDF, AttachedFile, Attachment
from hybridchat.domain.estimate import (
    MIN_HISTORY,
    PER_MESSAGE,
    PER_PICTURE,
    Size,
    Spread,
    TokenEstimate,
    estimate,
    message_size,
    size_of,
    spread_of,
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("four", 1),
        ("naïve café", 2.5),
        ("привет", 6 * 0.4),
        ("你好", 2 * 0.8),
        ("こんにちは", 5 * 0.8),
        ("안녕", 2 * 0.8),
        ("नमस्ते", 6 * 0.6),
        ("🦙", 1.5),
        ("see: 你好", 5 * 0.25 + 2 * 0.8),
    ],
)
def test_each_script_has_its_own_ratio(text: str, tokens: float) -> None:
    assert size_of(text) == Size(len(text), pytest.approx(tokens))


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        # the same sentence in several languages, and its tokens in GPT-4's and GPT-4o's vocabulary, as OpenAI published
        ("你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!", 34, 24),
        ("안녕하세요, 제 이름은 GPT-4o입니다. 저는 새로운 유형의 언어 모델입니다, 만나서 반갑습니다!", 45, 27),
    ],
)
def test_the_plain_count_lies_between_an_old_vocabulary_and_a_new_one(text: str, old: int, new: int) -> None:
    assert new * 0.9 <= size_of(text).tokens <= old * 1.1


def test_a_message_is_more_than_its_text() -> None:
    assert message_size("four").tokens == 1 + PER_MESSAGE
    assert message_size("four").characters == 4


def test_attached_texts_are_counted_and_pictures_kept_apart() -> None:
    notes = Attachment("n.txt", "text/plain", b"four" * 10).file
    photo = AttachedFile("d", "p.png", "image/png", 9, width=4, height=3)
    scan = AttachedFile("e", "s.pdf", PDF, 9, pages=2)
    size = message_size("four", [notes, photo, scan])
    assert size == Size(44, 11 + PER_MESSAGE, ((4, 3), (0, 0), (0, 0)))
    assert size.tokens_anywhere == 11 + PER_MESSAGE + 3 * PER_PICTURE


@given(st.text(), st.text())
def test_the_whole_is_its_parts(one: str, two: str) -> None:
    both = size_of(one) + size_of(two)
    assert both.characters == size_of(one + two).characters
    assert both.tokens == pytest.approx(size_of(one + two).tokens)


def test_a_few_attempts_say_nothing_yet() -> None:
    assert spread_of([1.0] * (MIN_HISTORY - 1)) == Spread()
    assert spread_of([float(value) for value in range(1, 11)]) == Spread(10, 1, 5, 9)


def test_the_models_own_past_corrects_the_count() -> None:
    assert estimate(1000, Spread()) == TokenEstimate(1000, 700, 1600)
    assert estimate(1000, Spread(40, 1.1, 1.2, 1.3)) == TokenEstimate(1200, 1100, 1300, 40)
    assert estimate(0, Spread(40, 1.1, 1.2, 1.3)) == TokenEstimate(0, 0, 0, 40)
