"""What is looked for before a managed send: how much is found, how often wrongly, and how long the worst takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from hybridchat.config.secrets import make_scanner
from scripts.benchmarks.measure import Row, median
from tests.corpus.secrets import measure

CHARACTERS = 100_000
RUNS = 5
# Each makes one of the finders work hardest.
SLOW = (
    *("1 ", "1234 ", "4111111111111111 ", "12345678901 ", "111-11-1111 ", "nhs 1234567890 ", "DE89 ", "A", "AA ", "."),
    *("ghp_", "sk-", "sk-aaaaaaaaaaa ", "eyJ", "eyJaaaaaaaaaa.", "api_key=", "api_key=a1B2c3D4e5F6g7H8i9J0k1 ", "1//0"),
    *("a@a.a@", "jane.doe@corp.com,", "://a:", "Bearer ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA ", "aaa1Q~"),
)
OWN = {"slow": "(a+)+$", "slower": "(x?){300}(a?){300}a{300}b"}


def rows() -> Iterator[Row]:
    figures = measure(make_scanner({}))
    found, alarms = 100 * figures.recall, 100 * figures.false_alarm_rate
    yield Row("secrets of unseen formats that are found", found, "%", 95, figures.samples, at_least=True)
    yield Row("clean texts that raise a false alarm", alarms, "%", 0.5, figures.clean_texts)
    scan = make_scanner({}).scan
    worst_ms = max(scan_ms(scan, (piece * CHARACTERS)[:CHARACTERS]) for piece in SLOW)
    yield Row("scan of 100 KB made to be slow, the worst", worst_ms, "ms", 50, len(SLOW))
    own_ms = scan_ms(make_scanner(OWN).scan, "a" * CHARACTERS)
    yield Row("scan of 100 KB with patterns made to be slow", own_ms, "ms", 50, RUNS)


def scan_ms(scan: Callable[[str], object], text: str) -> float:
    times_s = []
    for _ in range(RUNS):
        start = time.thread_time()
        scan(text)
        times_s.append(time.thread_time() - start)
    return median(times_s) * 1000
