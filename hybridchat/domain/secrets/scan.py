"""One text → what is in it that should not leave by accident. Its time is linear in the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from hybridchat.domain.secrets.numbers import Numbers
from hybridchat.domain.secrets.rules import EmailRule, Finding, Rules
from hybridchat.domain.secrets.words import Marks, Words

_DOMAIN = re.compile(r"@((?:[\w-]{1,63}\.){1,8})([^\W\d_]{2,24})(?![\w-]|\.\w)")
_NAME_BACKWARDS = re.compile(r"[\w.!#$%&'*+/^`{|}~-]{1,64}")
_NO_NAME_ENDS = "./'`{}|!#$%&*^~"

Find = Callable[[str], Iterable[Finding]]


class Scanner:
    """`own` finds what the user's own patterns describe."""

    def __init__(self, rules: Rules, own: Find = lambda _: ()) -> None:
        self._own = own
        self._words = Words(rules.token, rules.assigned)
        self._marks = Marks(rules.mark, rules.dummies.words)
        self._numbers = Numbers(rules.number, rules.cards, rules.iban)
        self._email = rules.email

    def scan(self, text: str) -> tuple[Finding, ...]:
        """In order, none overlapping: where two do, they are one from the first's start to the last's end."""
        found = [
            *self._own(text),
            *self._words.find(text),
            *self._marks.find(text),
            *self._numbers.find(text),
            *_emails(text, self._email),
        ]
        return tuple(_merged(found))


def _emails(text: str, rule: EmailRule) -> Iterator[Finding]:
    if "@" not in text:
        return
    for match in _DOMAIN.finditer(text):
        at = match.start()
        backwards = _NAME_BACKWARDS.match(text[max(0, at - 65) : at][::-1])
        if backwards is None or match[2].lower() in rule.not_domains:
            continue
        name = backwards[0][::-1].lstrip(_NO_NAME_ENDS)
        start = at - len(name)
        if name and name.lower() not in rule.not_names and not _is_user_of_url(text, start):
            yield Finding(rule.kind, start, match.end())


def _is_user_of_url(text: str, start: int) -> bool:
    """`https://name@host`, or a password in front of the host."""
    before = text[max(0, start - 80) : start]
    scheme = before.rfind("://")
    return scheme >= 0 and not any(char.isspace() or char in "/?#" for char in before[scheme + 3 :])


def _merged(found: list[Finding]) -> Iterator[Finding]:
    """The longest names what several found; of equals, the first."""
    current: Finding | None = None
    longest = 0
    for finding in sorted(found, key=lambda f: f.start):
        length = finding.end - finding.start
        if current is None or finding.start >= current.end:
            if current is not None:
                yield current
            current, longest = finding, length
        else:
            kind = finding.kind if length > longest else current.kind
            current, longest = Finding(kind, current.start, max(current.end, finding.end)), max(length, longest)
    if current is not None:
        yield current
