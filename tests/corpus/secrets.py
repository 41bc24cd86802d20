"""Texts with one secret or identifier each, split by format in two halves, and clean texts: what is installed here.

The shipped patterns were tuned on the one half; the figures are reported on the other. The clean texts are other
people's code and documentation, taken as they come: what is found in them counts as a false alarm.
"""

from __future__ import annotations

import hashlib
import sysconfig
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.headerregistry import Address
from pathlib import Path
from random import Random
from typing import NamedTuple

from hybridchat.domain.secrets.scan import Scanner
from tests.corpus.formats import formats

SEED = 20261
EACH = 6
CLEAN_TEXTS = 2000
CLEAN_CHARACTERS = 8_000

# Where people paste them: {} is the secret.
CONTEXTS = (
    "{}",
    "please use {} for it, and tell me why the call fails",
    "# .env\nNAME=demo\nVALUE={}\nDEBUG=1\n",
    'config = {{"value": "{}", "retries": 3}}\n',
    "curl -s https://example.org/v1/things -d 'value={}' | jq .\n",
    "2026-01-02T03:04:05Z worker[12]: got {}, giving up\n",
    "| name | value |\n|---|---|\n| one | {} |\n",
    "Our customer wrote:\n\n> My data: {}\n\nWhat should I answer?",
    "value:\n  - {}\n  - other\n",
    "“{}”, he said.",
)


class Sample(NamedTuple):
    format: str
    text: str


class Figures(NamedTuple):
    """Of one half of the formats, and of the clean texts."""

    samples: int
    missed: tuple[Sample, ...]
    clean_texts: int
    false_alarms: tuple[tuple[str, tuple[str, ...]], ...]  # of which text, and what kinds

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.samples

    @property
    def false_alarm_rate(self) -> float:
        return len(self.false_alarms) / self.clean_texts


def is_for_tuning(format_name: str) -> bool:
    return hashlib.sha256(format_name.encode()).digest()[0] % 2 == 0


def samples(*, tuning: bool) -> Iterator[Sample]:
    for name, make in formats().items():
        rng = Random(f"{SEED} {name}")
        if is_for_tuning(name) == tuning:
            for _ in range(EACH):
                yield Sample(name, rng.choice(CONTEXTS).format(make(rng)))


def clean_texts(*, tuning: bool) -> Iterator[tuple[str, str]]:
    """Name and text: the beginnings of installed sources and documentation, each file in one half."""
    folders = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if _is_text(path)]
    Random(SEED).shuffle(paths)
    count = 0
    for path in paths:
        if is_for_tuning(path.name) != tuning:
            continue
        try:
            text = path.read_text(encoding="utf-8")[:CLEAN_CHARACTERS]
        except UnicodeDecodeError:
            continue
        if len(text) > 200:
            yield str(path), text
            count += 1
        if count == CLEAN_TEXTS:
            return


def _is_text(path: Path) -> bool:
    """What checks such numbers is full of valid ones."""
    return "stdnum" not in path.parts and (
        path.suffix in (".py", ".md", ".rst", ".txt", ".pyi") or path.name == "METADATA"
    )


def measure(scanner: Scanner, *, tuning: bool = False) -> Figures:
    """An address of a real domain that stands in an author's line is one: found rightly, so no false alarm."""
    given = list(samples(tuning=tuning))
    missed = tuple(sample for sample in given if not scanner.scan(sample.text))
    clean = list(clean_texts(tuning=tuning))
    alarms = []
    for name, text in clean:
        kinds = {f.kind for f in scanner.scan(text) if not (f.kind == "email" and is_address(text[f.start : f.end]))}
        if kinds:
            alarms.append((name, tuple(sorted(kinds))))
    return Figures(len(given), missed, len(clean), tuple(alarms))


_ENDINGS = (
    *("com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "dev", "io", "ai", "app", "me", "us", "uk", "de"),
    *("fr", "nl", "it", "es", "ch", "at", "se", "no", "dk", "fi", "pl", "cz", "ru", "jp", "cn", "tw", "kr", "in", "br"),
    *("au", "ca", "nz", "be", "eu", "pt", "il", "gr", "hu", "ro", "ua", "co", "cc", "tv", "fm", "sg", "hk", "my", "za"),
    *("ie", "ee", "lt", "lv", "sk", "si", "hr", "tr", "mx", "ar", "cl", "is", "lu", "example", "test", "invalid"),
)


def is_address(text: str) -> bool:
    """By the standard library's parser, with an ending that addresses have."""
    try:
        address = Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError):
        return False
    return address.domain.rpartition(".")[2].lower() in _ENDINGS
