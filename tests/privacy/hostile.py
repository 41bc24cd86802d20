"""A server that says the same words wherever a server can say anything, and a tour of all that repeats them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.fakes.http import FakeServer, Request, Responder
from tests.tui.terminal import Terminal

HOSTILE = (  # clipboard, title, hyperlink, questions that a terminal answers, screens, C1, bidi, tags
    "\x1b]52;c;aGk=\x07\x1b]52;c;aGk=\x1b\\\x1b]0;owned\x07\x1b]8;;https://evil.example\x07x\x1b]8;;\x07\x1b[6n\x1b[c"
    "\x1b[2J\x1b[?1049l\x1bPq\x1b\\\x1b_x\x1b\\\x1bc"
    "\x9b31m\x9d0;x\x9c\x90\x84\x07\b\r\x7f\u202e\u2066\u200b\ufeff\U000e0041 owned"
)
MARKUP = "[@click=app.quit]x[/] [/foo] [ [b]bold[/b] $x owned"
INERT = "some plain words that do nothing at all owned"

CTRL_O, CTRL_P, CTRL_Q, CTRL_R, CTRL_T, CTRL_Y = "\x0f", "\x10", "\x11", "\x12", "\x14", "\x19"
ALT_L, DOWN, ESC, F2, F6 = "\x1bl", "\x1b[B", "\x1b", "\x1bOQ", "\x1b[17~"
RUN_ALL = "import json, sys; from hybridchat.cli import app; [app.run(line) for line in json.loads(sys.argv[1])]"


class Parrot(FakeServer):
    """`/v1` answers, `/fail/v1` refuses, `/head/v1` says its words in the head. A question to fail fails halfway."""

    def __init__(self, words: str) -> None:
        super().__init__(self._handle)
        self.words = words

    async def _handle(self, request: Request, respond: Responder) -> None:
        if request.path.startswith("/head"):
            said = "".join(char for char in self.words if char not in "\r\n").encode()
            head = b"HTTP/1.1 429 %s\r\nretry-after: %s\r\nx-ratelimit-reset-requests: %s\r\ncontent-type: %s\r\n"
            await respond.raw(head % (said, said, said, said) + b"content-length: 0\r\n\r\n")
        elif request.path == "/fail/v1/chat/completions":
            error = {"message": self.words, "type": self.words, "code": self.words, "param": self.words}
            await respond.whole({"error": error}, status=400)
        elif request.path.endswith("/models"):
            names = ("fake", self.words, f"{self.words} two")
            await respond.whole(
                {"data": [{"id": name, "owned_by": self.words, "max_model_len": 8192} for name in names]}
            )
        elif request.path.endswith("/chat/completions"):
            await self._reply(respond, fails="fail" in request.json()["messages"][-1]["content"])
        else:
            await respond.whole({"error": {"message": self.words}}, status=404)

    async def _reply(self, respond: Responder, *, fails: bool) -> None:
        """Whole, in characters, and in bytes; links and an image too."""
        words = self.words
        await respond.begin("text/event-stream")
        await respond.chunk(self._event({"reasoning": f"I think: {words}"}))
        await respond.chunk(
            self._event(
                {"content": f"{words}\n\n[{words}](<https://a.example/{words}>) [end](<https://a.example/{words}>)\n\n"}
            )
        )
        for char in f"# {words}\n\n```{words}\n{words}\n```\n\n- `{words}`\n\n| {words} |\n|---|\n| {words} |\n\n":
            await respond.chunk(self._event({"content": char}))
        for byte in self._event({"content": f"{words}\n\n![{words}](https://a.example/x.png)\n\n👨‍👩‍👧 مرحبا\n"}):
            await respond.chunk(bytes([byte]))
        if fails:
            await respond.chunk(_sse({"error": {"message": words, "type": words, "code": words}}))
        else:
            await respond.chunk(self._event({}, finish_reason=words))
        await respond.chunk(b"data: [DONE]\n\n")
        await respond.finish()

    def _event(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        return _sse({"model": self.words, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def _sse(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def prepare(folder: Path, url: str, words: str) -> Path:
    """A home whose own name, config, themes and files say the words too."""
    name = words.replace("/", "")
    home = folder / f"home {name}"[:80]
    (home / "themes").mkdir(parents=True)
    (home / "themes" / f"{name}.toml"[-80:]).write_text('primary = "#86b4f5"\n')
    (folder / f"{name}.txt"[-80:]).write_text("contents\n")
    entries = [("lab", url, words), ("failing", f"{url}/fail", "fake"), ("heading", f"{url}/head", "fake")]
    (home / "config.toml").write_text(
        "".join(
            f'[[backend]]\nid = {_toml(id_)}\nkind = "openai-compatible"\nbase_url = "{base}"\n'
            f"model = {_toml(model)}\nvouched = true\n"
            for id_, base, model in entries
        )
    )
    return home


def _toml(text: str) -> str:
    return json.dumps(text).replace("\x7f", "\\u007f") if text.isascii() else _escaped(text)


def _escaped(text: str) -> str:
    return '"' + "".join(char if char.isalnum() or char in " " else f"\\U{ord(char):08x}" for char in text) + '"'


def commands(folder: Path, words: str) -> list[list[str]]:
    """Every command that prints what somebody else said, and what was typed wrongly."""
    file = next(folder.glob("*.txt"))
    asks = [["hi", "--show-thinking"], ["fail"], ["--json", "hi"], ["--backend", "failing", "hi"], [words]]
    asks += [["--backend", "heading", "hi", "--timeout", "20"], ["--backend", words, "hi"]]
    asks += [["--file", str(file), "hi"], ["--file", f"{file} not there", "x"]]
    both = ("list", "search owned", "show 1", "models", "stats", "stats --by model", "doctor", "audit", "backends")
    plain = (
        "export usage",
        "export conversation 1",
        "backends test",
        "backends show lab",
        "keys",
        "keys test",
        "advise",
    )
    wrong = [[words], ["show", words], ["models", "show", words], ["stats", "--backend", words], ["budget", words]]
    return [
        *(["ask", *ask] for ask in asks),
        ["rename", "1", words],
        *([*command.split(), *more] for command in both for more in ([], ["--json"])),
        *(command.split() for command in plain),
        *wrong,
        ["audit", "--host", words],
        ["export", "conversation", "1", "-o", "/dev/stdout"],
        ["export", "usage", "-o", f"{folder}/no {words}/x"],
    ]


def by_command_line(home: Path, lines: list[list[str]]) -> bytes:
    """What a terminal got of all of them, in one process."""
    command = (sys.executable, "-c", RUN_ALL, json.dumps(lines))
    with Terminal(command=command, env={"HYBRIDCHAT_HOME": str(home)}, columns=160, rows=90) as terminal:
        assert terminal.wait_for_exit() == 0, terminal.text
        return terminal.raw


def break_config(home: Path, words: str) -> None:
    with (home / "config.toml").open("a") as file:
        file.write(f"[ui]\n{_toml(words)} = 1\ntheme = {_toml(words)}\n")


class Seen:
    """What a terminal got, and what a person saw at each stop of a tour."""

    def __init__(self) -> None:
        self.raw = b""
        self.screens: dict[str, str] = {}


def in_the_app(home: Path) -> Seen:
    """Replies, thinking, links, titles, models, themes, palette, dialogs and errors, each on the screen once."""
    seen = Seen()
    with Terminal(env={"HYBRIDCHAT_HOME": str(home)}, columns=160, rows=90) as terminal:

        def stop(name: str, keys: str, wanted: str, leave: str = "", *, below: bool = False) -> None:
            terminal.type(keys)
            seen.screens[name] = terminal.wait_for(
                lambda text: wanted in text and (not below or is_below(text, wanted))
            )
            if leave:
                terminal.type(leave)
                terminal.wait_for(lambda text: wanted not in text)

        stop("start", "", "Enter sends to lab")
        stop("chats", CTRL_O, "Chats", ESC, below=True)
        stop("route", CTRL_R, "Route of this chat", ESC, below=True)
        stop("themes", F6, "high-contrast-dark", ESC)
        stop("commands", CTRL_P, "Search for commands")
        stop("palette", "[/foo] [", "No matches", ESC)
        stop("reply", "say\r", "to first token")
        click_on_markup(terminal)
        stop("thinking", CTRL_T, "I think: ")
        stop("copied", CTRL_Y, "is in the clipboard")
        stop("links", ALT_L, "Links of this reply", below=True)
        stop("link", f"{DOWN}\r", "Copy the address", ESC)
        stop("failed", "fail\r", "failed: ")
        stop("all chats", CTRL_O, "Chats", below=True)
        terminal.type(f"{DOWN}\r")
        seen.screens["title"] = terminal.wait_for(lambda text: not text.lstrip().startswith("say"))
        stop("rename", F2, "Rename this chat", ESC, below=True)
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0, terminal.text
        seen.raw = terminal.raw
    return seen


def is_below(text: str, title: str) -> bool:
    """The words stand in the dialog of that title."""
    lines = text.splitlines()
    row = next((row for row, line in enumerate(lines) if title in line), None)
    return row is not None and any("owned" in line[lines[row].index(title) :] for line in lines[row + 1 : row + 16])


def click_on_markup(terminal: Terminal) -> None:
    """Markup on the first two lines, the model's name and the reply, is clicked; then a key still arrives."""
    lines = terminal.text.splitlines()
    for row in [row for row, line in enumerate(lines) if "@click" in line][:2]:
        column = lines[row].index("@click") + 1
        terminal.type(f"\x1b[<0;{column};{row + 1}M\x1b[<0;{column};{row + 1}m")
    terminal.type("still here")
    terminal.wait_for("│ still here")
    terminal.type("\x7f" * len("still here"))
    terminal.wait_for(lambda text: "│ still here" not in text)


def look(wanted: str, **env: str) -> Seen:
    """The app until it shows that."""
    seen = Seen()
    with Terminal(env=env, columns=120, rows=40) as terminal:
        seen.screens["start"] = terminal.wait_for(wanted)
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0, terminal.text
        seen.raw = terminal.raw
    return seen
