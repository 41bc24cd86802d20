"""Conversations as one page for a browser, light and dark. It runs nothing and fetches nothing, whatever is in them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, MutableMapping, Sequence
from functools import lru_cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from hybridchat.domain.chat import Conversation, Message, MessageState, Role
from hybridchat.domain.privacy import in_words
from hybridchat.domain.text import clean, clean_line
from hybridchat.export.branches import Branch, Tree
from hybridchat.export.words import extent, heading, leaves, place

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
_ALIGN = re.compile(r"text-align:(right|center)")
MOST_COLOURED = 20_000  # characters of one block; and of one line:
LONGEST_LINE = 240
_STYLES = (("friendly", ""), ("github-dark", "@media (prefers-color-scheme: dark)"))


def write_html(
    conversations: Iterable[tuple[Conversation, Sequence[Message]]], titles: Sequence[str], stream: TextIO
) -> None:
    """`titles` of all of them; with several there is a list of them at the top."""
    style = _style()
    digest = b64encode(sha256(style.encode()).digest()).decode()
    title = titles[0] if len(titles) == 1 else f"{len(titles):,} conversations"
    stream.write(
        '<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_line(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )
    if len(titles) > 1:
        rows = (f'<li><a href="#c{number}">{_line(title)}</a></li>\n' for number, title in enumerate(titles, 1))
        stream.write(f"<nav>\n<h1>{_line(title)}</h1>\n<ol>\n{''.join(rows)}</ol>\n</nav>\n")
    for number, (conversation, messages) in enumerate(conversations, 1):
        _write_one(number, conversation, messages, stream)
    stream.write("</body>\n</html>\n")


def _write_one(number: int, conversation: Conversation, messages: Sequence[Message], stream: TextIO) -> None:
    page = f"c{number}"
    tree = Tree(messages, conversation.active_leaf_id)
    count = len(tree.branches)
    about = f"{_time(conversation.created_at)} · {in_words(conversation.privacy)}"
    if part := extent(conversation, messages, count):
        about += f" · {part}"
    stream.write(
        f'<section id="{page}">\n<h1 dir="auto">{_line(conversation.title)}</h1>\n<p class="about">{about}</p>\n'
    )
    if conversation.system:
        stream.write(f"{_folded('System prompt', conversation.system)}\n")
    for at, branch in enumerate(tree.branches, 1):
        if at > 1:
            stream.write(_parting(page, branch, f"Branch {at:,} of {count:,}"))
        for message in branch.messages:
            stream.write(_article(message, page, tree if count > 1 else None))
    stream.write("</section>\n")


def _parting(page: str, branch: Branch, title: str) -> str:
    where = _line(leaves(branch))
    link = f'<a href="#{page}m{branch.after.id}">{where}</a>' if branch.after else where
    return f'<p class="branch">{title}, after {link}</p>\n'


def _article(message: Message, page: str, tree: Tree | None) -> str:
    """With `tree` it can be linked to, and links to those that follow the same message."""
    parts = [f"<h2>{_line(heading(message))} · {_time(message.created_at)}</h2>"]
    if tree and (said := place(tree, message)):
        numbered = enumerate(tree.beside(message), 1)
        others = [f'<a href="#{page}m{one.id}">{at}</a>' for at, one in numbered if one is not message]
        parts.append(f'<p class="beside">{said} here; the others: {" ".join(others)}</p>')
    parts += (f'<p class="attached">Attached: {_line(str(file))}</p>' for file in message.attachments)
    if message.thinking:
        parts.append(_folded("Thinking", message.thinking))
    if message.text:
        parts.append(f'<div class="words" dir="auto">{_rendered(message.text)}</div>')
    state = "" if message.state is MessageState.COMPLETE else message.state
    if ending := ": ".join(filter(None, (state, message.note))):
        parts.append(f'<p class="note">{_line(ending)}</p>')
    kind = "user" if message.role is Role.USER else "reply"
    name = f' id="{page}m{message.id}"' if tree else ""
    return f'<article class="{kind}"{name}>\n{"".join(parts)}\n</article>\n'


def _folded(title: str, text: str) -> str:
    return f'<details><summary>{title}</summary><div class="words" dir="auto">{_rendered(text)}</div></details>'


def _line(raw: str) -> str:
    return escape(clean_line(raw, 300))


def _time(utc: str) -> str:
    shown = clean_line(utc.replace("T", " ")[:16], 20)
    return f'<time datetime="{escape(utc)}">{escape(shown)} UTC</time>'


def _rendered(raw: str) -> str:
    return str(_parser().render(clean(raw)))


# --- Markdown


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: _LINK.match(url) is not None  # type: ignore[method-assign]
    for rule in (
        fence,
        code_block,
        image,
        link_open,
        heading_open,
        heading_close,
        th_open,
        td_open,
        table_open,
        table_close,
    ):
        parser.add_render_rule(rule.__name__, rule)
    return parser


Env = MutableMapping[str, Any]


def fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    words = tokens[index].info.split()
    return f"<pre><code>{_coloured(tokens[index].content, words[0] if words else '')}</code></pre>\n"


def code_block(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    return f"<pre><code>{escape(tokens[index].content)}</code></pre>\n"


def image(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    """A link: nothing is fetched."""
    token = tokens[index]
    said = escape(token.content or "image")
    return f'<a href="{escape(str(token.attrGet("src")))}" rel="noopener noreferrer">{said}</a>'


def link_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer")
    return self.renderToken(tokens, index, options, env)


def heading_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    """Below those of the page."""
    return f"<h{_level(tokens[index])}>"


def heading_close(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    return f"</h{_level(tokens[index])}>\n"


def _level(token: Token) -> int:
    return min(6, int(token.tag[1:]) + 2)


def td_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    """Its alignment is a class: the page's policy allows no styles of elements."""
    token = tokens[index]
    found = _ALIGN.search(str(token.attrs.pop("style", "")))
    return f'<{token.tag} class="{found[1]}">' if found else f"<{token.tag}>"


def th_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    return td_open(self, tokens, index, options, env)


def table_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    return '<div class="table"><table>\n'


def table_close(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Env) -> str:
    return "</table></div>\n"


# --- code


def _coloured(code: str, language: str) -> str:
    """Plain where the language is not known, and where Pygments might take long."""
    if not language or len(code) > MOST_COLOURED or max(map(len, code.splitlines()), default=0) > LONGEST_LINE:
        return escape(code)
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    return highlight(code, lexer, HtmlFormatter(nowrap=True))


@lru_cache(maxsize=1)
def _style() -> str:
    from pygments.formatters.html import HtmlFormatter

    parts = [Path(__file__).with_name("page.css").read_text(encoding="utf-8")]
    for name, media in _STYLES:
        rules = HtmlFormatter(style=name).get_token_style_defs("pre code")  # type: ignore[no-untyped-call]
        coloured = "\n".join(re.sub(r"\s*/\*.*?\*/", "", rule) for rule in rules)
        parts.append(f"{media} {{\n{coloured}\n}}" if media else coloured)
    return "\n" + "\n".join(parts) + "\n"
