"""Markdown to lines: markdown-it parses, the page lays out. HTML, LaTeX and what it does not know stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hybridchat.domain.links import Link
from hybridchat.tui.transcript.blocks import CODE, ITEM, MARKDOWN, VERBATIM, Block, math_end
from hybridchat.tui.transcript.cells import expand_tabs, inert
from hybridchat.tui.transcript.code import put_code
from hybridchat.tui.transcript.layout import LINK_TO, Indent, Laid, Page, Prose, Style, leads_to
from hybridchat.tui.transcript.tables import Row, put_table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

DEEPEST = 60
"""Levels of nesting that are laid out; what is deeper is shown as it was written."""

MOST_BRACKETS = 300
"""In one block; with more, brackets are text: looking for links costs their number squared."""

References = dict[str, Any]
"""Link reference definitions as markdown-it keeps them in its environment."""

_BULLETS = "•◦▪"
_INLINE_STYLES = {"strong_open": "strong", "em_open": "em", "s_open": "strike"}
_TASK = re.compile(r"\[([ xX])\] ")
_MATH = re.compile(r"\$\$|\\\[|\\\(|\\begin\{[a-zA-Z]+\*?\}")
_DOLLARS = re.compile(r"\$(?=\S)[^$\n]+?(?<=\S)\$(?!\d)")
_BARE_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}]+")


def lay_out(block: Block, width: int, references: References, *, prose_cells: int, is_growing: bool = False) -> Laid:
    """The block's lines, at most `width` cells wide, its prose at most `prose_cells`; and its plain text."""
    page = Page(max(1, width), prose_cells)
    if block.kind == CODE:
        put_code(page, block.text, block.language, is_first=block.is_first, is_growing=is_growing)
    elif block.kind == VERBATIM or not _put_markdown(page, block, references):
        page = Page(max(1, width), prose_cells)
        page.paragraph(_verbatim(block.text))
    return page.laid()


def read_references(definitions: Sequence[str]) -> References:
    """What links may refer to, from the lines that define it."""
    env: dict[str, References] = {"references": {}}
    if definitions:
        _parser().parse("\n\n".join(definitions), env)
    return env["references"]


def fenced(text: str) -> list[tuple[str, str]]:
    """(language, code) of the fences inside a block, such as an item's."""
    if "```" not in text and "~~~" not in text:
        return []
    fences = (token for token in _parser().parse(text) if token.type == "fence")
    return [(_language(token), token.content.removesuffix("\n")) for token in fences]


def links_in(blocks: Iterable[Block], references: References) -> list[Link]:
    """Every link and image, in order, as `lay_out` shows them."""
    found: list[Link] = []
    for block in blocks:
        if block.kind in (MARKDOWN, ITEM):
            for token in _parse(block, references):
                if token.type == "inline":
                    found += _links_in(inline_prose(token))
    return found


def _links_in(prose: Prose) -> Iterator[Link]:
    for url, runs in groupby(prose.slice(0, len(prose)), key=lambda run: leads_to(run[1])):
        if url:
            yield Link("".join(text for text, style in runs if "address" not in style), url)


def _language(token: Token) -> str:
    return token.info.strip().split(" ")[0]


def _verbatim(text: str) -> Prose:
    prose = Prose()
    prose.add("\n".join(expand_tabs(line) for line in inert(text).split("\n")))
    return prose


def _put_markdown(page: Page, block: Block, references: References) -> bool:
    """False where the nesting is too deep."""
    tokens = _parse(block, references)
    if any(token.level >= DEEPEST for token in tokens):
        return False
    _Renderer(page, block.number if block.kind == ITEM else None).put(tokens)
    return True


def _parse(block: Block, references: References) -> list[Token]:
    parser = _parser(with_links=block.text.count("[") <= MOST_BRACKETS)
    return parser.parse(block.text, {"references": dict(references)})


@cache
def _parser(*, with_links: bool = True) -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST + 4}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "math", _math)
    return parser if with_links else parser.disable(["link", "image"])


def _math(state: StateInline, silent: bool) -> bool:
    """LaTeX between its delimiters is text, whatever Markdown would see in it."""
    text, begin = state.src, state.pos
    if text[begin] not in "\\$":
        return False
    opening = _MATH.match(text, begin, state.posMax)
    if opening is not None:
        closing = math_end(opening[0])
        closes_at = text.find(closing, opening.end() + 1, state.posMax)
        end = closes_at + len(closing) if closes_at >= 0 else 0
    else:
        dollars = _DOLLARS.match(text, begin, state.posMax)
        end = dollars.end() if dollars else 0
    if end <= begin:
        return False
    if not silent:
        state.push("math", "", 0).content = text[begin:end]
    state.pos = end
    return True


class _Renderer:
    """Walks the tokens of one block. `number` counts its first ordered item."""

    def __init__(self, page: Page, number: int | None) -> None:
        self._page = page
        self._number = number
        self._lists: list[list[int | None]] = []  # per open list its next number, None for bullets
        self._text: Style = ()  # of paragraphs: heading or quote
        self._tight_next = True  # the next paragraph needs no free line before it

    def put(self, tokens: list[Token]) -> None:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token.type == "table_open":
                end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
                self._space()
                self._put_table(tokens[at:end])
                at = end
            else:
                self._put_token(token)
            at += 1

    def _space(self) -> None:
        if not self._tight_next:
            self._page.blank()
        self._tight_next = False

    def _put_token(self, token: Token) -> None:
        match token.type:
            case "inline":
                self._put_inline(token)
            case "heading_open":
                self._text = ("heading", token.tag)
            case "heading_close":
                self._text = ()
            case "fence" | "code_block":
                if not self._lists:
                    self._space()
                self._tight_next = False
                put_code(self._page, token.content.removesuffix("\n"), _language(token))
            case "hr":
                self._space()
                self._page.rule()
            case "html_block":
                self._space()
                self._page.paragraph(_verbatim(token.content.rstrip("\n")))
            case "blockquote_open":
                self._space()
                bar = (("▎ ", ("bar",)),)
                self._page.indent(Indent(bar, bar, 2, "> ", "> "))
                self._tight_next = True
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token)
            case "list_item_open":
                self._open_item(token)
            case "list_item_close" | "blockquote_close":
                self._page.dedent()
                self._tight_next = token.type == "list_item_close"
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
                self._tight_next = False

    def _open_list(self, token: Token) -> None:
        if not self._lists and not self._tight_next:
            self._space()
        start = None
        if token.type == "ordered_list_open":
            start = int(token.attrs.get("start", 1)) if self._number is None else self._number
            self._number = None
        self._lists.append([start])
        self._tight_next = True

    def _open_item(self, token: Token) -> None:
        counter = self._lists[-1]
        number = counter[0]
        if number is None:
            shown, plain = _BULLETS[min(len(self._lists), len(_BULLETS)) - 1] + " ", "- "
        else:
            counter[0] = number + 1
            shown = plain = f"{number}{token.markup} "
        blank = " " * len(plain)
        self._page.indent(Indent(((shown, ("marker",)),), ((blank, ()),), len(plain), plain, blank))
        self._tight_next = True

    def _put_inline(self, token: Token) -> None:
        self._space()
        prose = inline_prose(token, self._text)
        if self._lists and (task := _TASK.match(prose.text)) is not None:
            rest, prose = prose, Prose()
            prose.add(task[0], ("marker",) if task[1] == " " else ("done",))
            for text, style in rest.slice(task.end(), len(rest)):
                prose.add(text, style)
        self._page.paragraph(prose)

    def _put_table(self, tokens: list[Token]) -> None:
        rows: list[Row] = []
        aligns: list[str] = []
        for at, token in enumerate(tokens):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                is_header = token.type == "th_open"
                if is_header:
                    aligns.append(str(token.attrs.get("style", "text-align:left")).removeprefix("text-align:"))
                rows[-1].append(inline_prose(tokens[at + 1], ("strong",) if is_header else ()))
        put_table(self._page, rows[0], rows[1:], aligns)


def inline_prose(token: Token, base: Style = ()) -> Prose:
    """The styled text of a paragraph, heading or cell; links are followed by their address."""
    prose = Prose()
    styles: list[str] = []
    links: list[tuple[str, int]] = []
    for child in token.children or ():
        style = (*base, *styles)
        kind = child.type
        if kind == "text" and not links:
            _add_text(prose, inert(child.content).replace("\t", "    "), style)
        elif kind in ("text", "math", "html_inline"):
            prose.add(inert(child.content).replace("\t", "    "), style)
        elif kind == "code_inline":
            prose.add(inert(child.content).replace("\t", "    "), (*style, "inline-code"))
        elif kind in ("softbreak", "hardbreak"):
            prose.add("\n", style)
        elif kind in _INLINE_STYLES:
            styles.append(_INLINE_STYLES[kind])
        elif kind == "link_open":
            address = inert(str(child.attrs.get("href", "")))
            links.append((address, len(prose)))
            styles += ("link", LINK_TO + address)
        elif kind == "link_close":
            del styles[-2:]
            address, begin = links.pop()
            if address and prose.text[begin:] not in (address, address.removeprefix("mailto:")):
                prose.add(f" ({address})", (*base, *styles, "address", LINK_TO + address))
        elif kind in ("strong_close", "em_close", "s_close"):
            styles.pop()
        elif kind == "image":
            alt = inert(child.content).replace("\n", " ")
            address = inert(str(child.attrs.get("src", "")))
            prose.add(f"[image: {alt}]" if alt else "[image]", (*style, "link", LINK_TO + address))
            prose.add(f" ({address})", (*style, "address", LINK_TO + address))
    return prose


def _add_text(prose: Prose, text: str, style: Style) -> None:
    """Web addresses in it are links to what they say."""
    at = 0
    if "://" in text:
        for match in _BARE_URL.finditer(text):
            end = match.start() + len(_without_ending(match[0]))
            prose.add(text[at : match.start()], style)
            address = _parser().normalizeLink(text[match.start() : end])
            prose.add(text[match.start() : end], (*style, "link", LINK_TO + inert(address)))
            at = end
    prose.add(text[at:], style)


def _without_ending(url: str) -> str:
    """What the sentence around it ends with is not the address's: stops, and brackets that it did not open."""
    address = url.rstrip(".,;:!?*_~…。，、)]")
    rest = url[len(address) :]
    closing = len(rest) - len(rest.lstrip(")"))
    return address + ")" * min(closing, max(0, address.count("(") - address.count(")")))
