"""Where a link leads, what to beware of, and what is never opened."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hybridchat.domain.links import Link, look_at


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://docs.python.org/3/library/?q=a@b#c", "docs.python.org"),
        ("HTTP://127.0.0.1:8000/", "127.0.0.1"),
        ("https://[::1]:80/x", "[::1]"),
        ("https://host.example.", "host.example."),
        ("https://a.example?https://b.example/", "a.example"),
        ("https://a.example#@b.example", "a.example"),
        ("mailto:jane.doe+x@corp.example", "jane.doe+x@corp.example"),
    ],
)
def test_what_is_clear_may_be_opened(url: str, host: str) -> None:
    target = look_at(Link("words", url))
    assert (target.host, target.barred, target.warnings) == (host, "", ())
    assert target.before + target.host + target.after == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "vscode://file/etc/passwd",
            "ssh://a.example",
        ),
        *("./page.md", "#part", "", "//a.example/", "https:a.example", "https:///a.example", "https://", "http://@/"),
        *("https://a.example\\@b.example/", "https://%65vil.example/", "https://a%2eexample", "https://a b.example/"),
        *("https://аррӏе.example/", "https://a.example/\x1b]0;x", "https://a.example/\u202e", "https://[::1"),
        *(
            "mailto:a@b.example?attach=/etc/passwd",
            "mailto:",
            "https://a.example:80@",
            "https://.",
            "-https://a.example",
        ),
    ],
)
def test_what_a_browser_may_read_otherwise_is_only_copied(url: str) -> None:
    target = look_at(Link("words", url))
    assert target.barred
    assert target.host == ""


@pytest.mark.parametrize(
    ("text", "url", "warning"),
    [
        (
            "words",
            "https://bank.example@evil.example/",
            "what stands before the @ is no host; this leads to evil.example",
        ),
        ("words", "https://bank.example%2F@evil.example:8080?a@b", "no host; this leads to evil.example"),
        (
            "words",
            "https://xn--80ak6aa92e.example/",
            "the host is written аррӏе.example: its letters may only look like",
        ),
        ("words", "https://xn--99999999999.example/", "the host is written �.example"),
        ("https://bank.example/login", "https://evil.example/", "the reply shows bank.example, and this leads to evil"),
        ("https://u:p@bank.example", "https://evil.example/", "the reply shows bank.example,"),
        ("www.bank.example", "https://evil.example/", "the reply shows bank.example,"),
        ("Log in at bank.com now", "https://evil.example/", "the reply shows bank.com,"),
        ("jane@bank.com", "mailto:jane@evil.example", "the reply shows bank.com, and this leads to evil.example"),
        ("https://evil.example", "https://notevil.example", "the reply shows evil.example,"),
    ],
)
def test_what_is_warned_of(text: str, url: str, warning: str) -> None:
    target = look_at(Link(text, url))
    assert target.barred == ""
    assert any(warning in said for said in target.warnings), target.warnings


@pytest.mark.parametrize(
    ("text", "url"),
    [
        *(("python.org", "https://docs.python.org/3/"), ("https://www.python.org", "https://python.org")),
        *(
            ("README.md", "https://code.example/readme"),
            ("asyncio.run", "https://docs.python.org"),
            ("", "https://a.example"),
        ),
        *(("jane@corp.com", "mailto:jane@corp.com"), ("https://bücher.example/", "https://xn--bcher-kva.example/")),
    ],
)
def test_what_is_no_other_address(text: str, url: str) -> None:
    assert not any("the reply shows" in said for said in look_at(Link(text, url)).warnings)


URLS = st.text(alphabet="htps:/@.\\?#%[]ab-x0123456789 \x1b\u202eа", max_size=40).map("https://".__add__) | st.text()


@given(st.text(max_size=30), URLS)
@example("", "https://a.example/\t\n\x0b")
def test_whatever_is_shown_is_inert_and_what_is_opened_is_what_is_shown(text: str, url: str) -> None:
    target = look_at(Link(text, url))
    shown = target.before + target.host + target.after
    for said in (shown, *target.warnings):
        assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in said)
    if not target.barred:
        assert shown == url and url.isascii() and url.isprintable()
        assert url.lower().startswith(("http://", "https://", "mailto:"))
