"""The page for a browser: what is in a conversation can neither run nor reach anything."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from hybridchat.domain.chat import Message, Role
from hybridchat.export.conversation import FORMATS, Along
from hybridchat.export.html import write_html
from tests.unit.export.test_conversation import CONVERSATION, MESSAGES, TIME

VOID = {"meta", "br", "hr"}
PLAIN = {
    *(
        "html",
        "head",
        "title",
        "style",
        "body",
        "nav",
        "section",
        "article",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "time",
    ),
    *(
        "details",
        "summary",
        "div",
        "p",
        "ul",
        "ol",
        "li",
        "blockquote",
        "pre",
        "code",
        "span",
        "em",
        "strong",
        "s",
        "a",
    ),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "id",
    "dir",
    "datetime",
    "href",
    "rel",
    "start",
    "title",
}


class Reader(HTMLParser):
    """Which elements and links there are, and the words."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[dict[str, str | None]] = []
        self.open: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "a":
            self.links.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def page(*texts: str) -> tuple[str, Reader]:
    messages = [Message(n, 7, n - 1, Role.ASSISTANT, text, TIME) for n, text in enumerate(texts, 1)]
    stream = io.StringIO()
    FORMATS["html"].write(CONVERSATION, messages, stream, Along())
    reader = Reader()
    reader.feed(stream.getvalue())
    reader.close()
    assert reader.open == []
    return stream.getvalue(), reader


HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><style>*{}</style><iframe src=//evil></iframe>",
    "![a](https://evil.example/x.png) ![b](data:image/png;base64,AA) ![c](javascript:alert(1))",
    "[x](javascript:alert(1)) [y](JaVaScRiPt:alert(1)) [z](data:text/html,x) [f](file:///x) [r](/x) [v](vbscript:x)",
    '[t](https://ok.example "a\\" onmouseover=\\"alert(1)") <https://ok.example/"onx="1>',
    '```x" onload="alert(1)\n</code></pre><script>1</script>\n```\n\n    </code><b>indented</b>',
    "|a|b|\n|:-:|-:|\n|<b onclick=x>|2|\n\n# <i>h</i>\n###### six",
    "&lt;script&gt; &#60;script> \\<script>",
    "\x1b[31m\u202e\u0000</body></html>",
    "[a]: javascript:alert(1)\n[a]",
    ">" * 500 + "[" * 500 + "*" * 500,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    _, reader = page(text)
    assert reader.tags <= PLAIN | VOID
    assert reader.attributes <= ATTRIBUTES
    for link in reader.links:
        assert re.match(r"(https?|mailto):", link["href"] or "")
        assert link["rel"] == "noopener noreferrer"


def test_titles_names_and_notes_are_text_too() -> None:
    from msgspec.structs import replace

    evil = "</title><script>alert(1)</script>"
    stream = io.StringIO()
    named = replace(MESSAGES[1], attempt=None, model=evil, note=evil, created_at='"><script>', thinking=evil)
    chat = replace(CONVERSATION, title=evil, system=evil, created_at='"><script>')
    write_html([(chat, [named]), (chat, [named])], [evil, evil], stream)
    assert "<script" not in stream.getvalue()


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    html, _ = page("x")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style and "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_markdown_is_shown() -> None:
    html, reader = page("**bold** and `code`\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```python\nx = 1\n```\n\n~~gone~~")
    assert {"strong", "code", "table", "s", "pre"} <= reader.tags
    assert '<td class="right">2</td>' in html
    assert '<span class="mi">1</span>' in html


def test_one_and_many() -> None:
    _, one = page("x")
    assert "nav" not in one.tags
    stream = io.StringIO()
    write_html([(CONVERSATION, MESSAGES)] * 2, ["Ledgers", "Books"], stream)
    reader = Reader()
    reader.feed(stream.getvalue())
    assert [link["href"] for link in reader.links] == ["#c1", "#c2"]
    assert "2 conversations" in reader.words and "the connection broke" in reader.words


@pytest.mark.parametrize("code", ["x" * 30_000, "a" * 500 + "\n"])
def test_long_code_stays_plain(code: str) -> None:
    html, _ = page(f"```python\n{code}\n```")
    assert '<span class="' not in html
