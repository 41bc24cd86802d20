"""Scenario 19: a corpus of secrets and identifiers, split by format, and clean texts that are installed here."""

from __future__ import annotations

import pytest

from hybridchat.config.secrets import make_scanner
from tests.corpus.secrets import Figures, measure


@pytest.fixture(scope="module")
def unseen() -> Figures:
    """Of the formats and the files that no pattern was tuned on."""
    return measure(make_scanner({}))


def test_privacy_19_the_corpus_is_as_large_as_it_should_be(unseen: Figures) -> None:
    assert unseen.samples >= 200
    assert unseen.clean_texts >= 2000


def test_privacy_19_secrets_of_unseen_formats_are_found(unseen: Figures) -> None:
    assert unseen.recall >= 0.95, unseen.missed


def test_privacy_19_clean_texts_raise_no_alarm(unseen: Figures) -> None:
    assert unseen.false_alarm_rate <= 0.005, unseen.false_alarms
