"""A config says what is wrong with it: file, line, key, what is allowed; and all of it at once."""

from __future__ import annotations

import os
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridchat.config import Config, config_error, load_config, parse_config
from hybridchat.config.explain import MAX_PROBLEMS
from hybridchat.domain.chat import Privacy, Reasoning
from hybridchat.errors import EXIT_USAGE

LAB = '[[backend]]\nid = "lab"\nkind = "vllm"\nbase_url = "http://127.0.0.1:8000"\n'
CLOUD = '[[backend]]\nid = "cloud"\nkind = "openai"\nbase_url = "https://api.openai.com/v1"\n'


def problems(text: str) -> list[str]:
    config, found = parse_config(text)
    assert not found or config == Config(), "with a problem, the defaults"
    return [str(problem) for problem in found]


def test_a_whole_config() -> None:
    text = f"""{LAB}model = "tiny"
vouched = true
[backend.price."tiny"]
input = 0.20
output = 1
{CLOUD}key = "env:MY_KEY"
[route]
default = "lab"
table = "mine"
[[route.tables.mine]]
to = "cloud"
privacy = ["open"]
reasoning = "high"
[[route.tables.mine]]
to = "ask"
[[route.rule]]
contains = ["prove"]
reasoning = "high"
[privacy]
default = "local_only"
"""
    config, found = parse_config(text)
    assert found == []
    lab, cloud = config.backend
    assert lab.price["tiny"].input == Decimal("0.20")  # as written, not as the nearest float
    assert (cloud.id, cloud.key) == ("cloud", "env:MY_KEY")
    assert config.route.tables["mine"][0].privacy == (Privacy.OPEN,)
    assert config.route.rule[0].reasoning is Reasoning.HIGH
    assert config.privacy.default == "local_only"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = = 1", ["config.toml:1: not valid TOML: invalid value"]),
        ('x = 1\ny = """\nopen', ["config.toml:3: not valid TOML: unterminated string"]),
        (f"x = {'[' * 9000}", ["config.toml: is nested too deeply — tables in tables at most"]),
        ("[ui]\n[ui]", ["config.toml:2: not valid TOML: cannot declare ('ui',) twice"]),
        (
            "\n[uii]\nx = 1",
            [
                'config.toml:2: uii: there is no such key — did you mean "ui"? '
                "allowed: backend, preset, route, privacy, budget, ui, notify, embedded, vllm, prompts, advise"
            ],
        ),
        (
            "[ui]\n\nthem = 'x'",
            [
                'config.toml:3: ui.them: there is no such key — did you mean "theme"? '
                "allowed: theme, keymap, panel, panel_side, density, text_width, show_thinking, fold_lines, "
                "paste_lines, paste_characters, reduced_motion, hints"
            ],
        ),
        ("[ui]\nshow_thinking = 1", ["config.toml:2: ui.show_thinking: is a number — true or false"]),
        ("[ui]\ntheme = true", ["config.toml:2: ui.theme: is true or false — text"]),
        ("[ui]\ntheme = 1.5", ["config.toml:2: ui.theme: is a number — text"]),
        ("[ui]\ntheme = 2026-01-01", ["config.toml:2: ui.theme: is a date — text"]),
        (
            '[ui]\npanel = "sid"',
            ['config.toml:2: ui.panel: "sid" is not allowed — did you mean "side"? allowed: auto, line, off, side'],
        ),
        ("ui = 3", ["config.toml:1: ui: is a number — a table"]),
        ('backend = "x"', ["config.toml:1: backend: is text — a list of tables, each under its own [[…]]"]),
        ('[backend]\nid = "x"', ["config.toml:1: backend: is a table — a list of tables, each under its own [[…]]"]),
        ("[vllm]\narguments = 'x'", ["config.toml:2: vllm.arguments: is text — a list of text"]),
        ("[vllm]\narguments = [\n  'x',\n  1,\n]", ["config.toml:2: vllm.arguments: is a number — text"]),
        (LAB + "idle_s = 0", ["config.toml:5: backend.idle_s: has a value that is not allowed — a number above 0"]),
        (
            LAB + "deadline_s = nan",
            ["config.toml:5: backend.deadline_s: has a value that is not allowed — a number above 0"],
        ),
        (
            '[[backend]]\nid = "a b"\nkind = "embedded"',
            [
                "config.toml:2: backend.id: has a value that is not allowed — "
                "text of letters, digits, dot, hyphen and underscore, at most 64"
            ],
        ),
        (
            LAB + '[backend.price."g.p-t"]\noutput = 1\n',
            ['config.toml:5: backend.price."g.p-t".input: is missing — a number'],
        ),
        (LAB + "price.m = {input = 1, output = 'x'}", ["config.toml:5: backend.price.m.output: is text — a number"]),
    ],
)
def test_mistakes_of_form(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LAB + LAB, ['config.toml:6: backend.id: "lab" is there twice — each backend has an id of its own']),
        (
            LAB.replace("lab", "managed"),
            ['config.toml:2: backend.id: "managed" has a meaning of its own — any id but auto, local, managed, ask'],
        ),
        (
            '[[backend]]\nid = "x"\nkind = "ollama"',
            ["config.toml:1: backend.base_url: is missing — the address of the server, such as http://127.0.0.1:8000"],
        ),
        (
            LAB.replace("vllm", "embedded") + "vouched = true",
            [
                "config.toml:4: backend.base_url: is for servers; the embedded engine has none — leave it out",
                "config.toml:5: backend.vouched: is for servers; the embedded engine has none — leave it out",
            ],
        ),
        (
            LAB.replace("127.0.0.1", "127.1"),
            [
                "config.toml:4: backend.base_url: 'http://127.1:8000' has a short, decimal, octal or hexadecimal "
                "IPv4 address — write four decimal numbers"
            ],
        ),
        (
            CLOUD + "vouched = true",
            [
                "config.toml:5: backend.vouched: only a server on loopback can be vouched for — "
                "private = true for a host that is yours"
            ],
        ),
        (
            LAB + 'zone = "managed"\nvouched = true',
            [
                "config.toml:6: backend.vouched: only a server on loopback can be vouched for — "
                "private = true for a host that is yours"
            ],
        ),
        (
            LAB + "private = true",
            [
                "config.toml:5: backend.private: loopback is this device — "
                "vouched = true if you know that the server computes here"
            ],
        ),
        (
            CLOUD + 'private = true\nzone = "managed"',
            ['config.toml:5: backend.private: contradicts zone = "managed" — one of the two'],
        ),
        (
            LAB + 'proxy = "http://proxy.example"',
            ["config.toml:5: backend.proxy: a local backend is never reached through a proxy — leave it out"],
        ),
        (
            LAB + "num_ctx = 8192",
            ["config.toml:5: backend.num_ctx: kind vllm does not take it — leave it out; it is for ollama"],
        ),
        (
            CLOUD + 'ca = "certs/ca.pem"',
            [
                'config.toml:5: backend.ca: "certs/ca.pem" is a relative path — '
                "an absolute path, or one that begins with ~"
            ],
        ),
        (
            CLOUD + 'cert = "/not/here.pem"',
            ['config.toml:5: backend.cert: there is no file "/not/here.pem" — a PEM file'],
        ),
        (
            CLOUD + f"key_file = '{Path(__file__)}'",
            ["config.toml:5: backend.key_file: has no certificate — set cert as well"],
        ),
        (
            LAB + "[backend.price.m]\ninput = -1\noutput = inf",
            [
                "config.toml:6: backend.price.m.input: -1 is not a price — 0 or more",
                "config.toml:7: backend.price.m.output: Infinity is not a price — 0 or more",
            ],
        ),
        (
            LAB + '[route]\ndefault = "cloud"\ntable = "mine"',
            [
                'config.toml:6: route.default: "cloud" is no route and no backend — allowed: auto, local, managed, lab',
                'config.toml:7: route.table: there is no table "mine" — allowed: local-first, article',
            ],
        ),
        (
            '[[route.tables.article]]\nto = "ask"',
            ["config.toml:1: route.tables.article: is the name of a table that hybridchat ships — another name"],
        ),
        (
            LAB + '[[route.tables.t]]\nto = "local"\n[[route.tables.t]]\nto = "auto"',
            ['config.toml:8: route.tables.t.to: no backend is called "auto" — allowed: local, managed, ask, lab'],
        ),
        (
            CLOUD + '[backend.headers]\nX-Title = "a\\nb"\n"X Y" = "z"\nAuthorization = "Bearer sk-canary"\nHost = "h"',
            [
                "config.toml:5: backend.headers: 'X Y' is not the name of a header — letters, digits and hyphens",
                "config.toml:6: backend.headers.X-Title: has a value that no header may have — one line of ASCII text",
                "config.toml:8: backend.headers.Authorization: carries secrets, and no secret stands in this file — "
                "`key` and `key_header`",
                "config.toml:9: backend.headers.Host: is set by hybridchat itself — leave it out",
            ],
        ),
        (
            '[embedded]\nhub_url = "huggingface.co"',
            [
                "config.toml:2: embedded.hub_url: 'huggingface.co' is not an address — "
                "write it as http://127.0.0.1:8000 or https://host/path"
            ],
        ),
    ],
)
def test_mistakes_of_meaning(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_a_key_pasted_into_the_config_is_not_repeated() -> None:
    (line,) = problems(CLOUD + 'key = "sk-proj-abc123"')
    assert line.startswith("config.toml:5: backend.key: is not a place to find a key")
    assert "abc123" not in line


@pytest.mark.parametrize("place", ["env:", "command:", "command: ", "ENV:X", ""])
def test_places_of_keys_that_are_none(place: str) -> None:
    assert len(problems(CLOUD + f'key = "{place}"')) == 1


@pytest.mark.parametrize("place", ["env:X", "keyring", "command:op read op://x/y"])
def test_places_of_keys(place: str) -> None:
    assert problems(CLOUD + f'key = "{place}"') == []


def test_all_mistakes_are_told_at_once_with_the_line_of_the_right_table() -> None:
    text = f"""# a comment with kind = "x"
{LAB}idle = 1

{CLOUD}idle = 2
kind2 = "x"
[backend.price."gpt"]
input = "x"

[ui]
panel = 3
"""
    assert [line.partition(" — ")[0] for line in problems(text)] == [
        "config.toml:6: backend.idle: there is no such key",
        "config.toml:12: backend.idle: there is no such key",
        "config.toml:13: backend.kind2: there is no such key",
        "config.toml:14: backend.price.gpt.output: is missing",
        "config.toml:15: backend.price.gpt.input: is text",
        "config.toml:18: ui.panel: is a number",
    ]


def test_the_list_of_mistakes_has_an_end() -> None:
    assert len(problems("[ui]\n" + "".join(f"key{n} = 1\n" for n in range(200)))) == MAX_PROBLEMS


def test_the_lines_count_within_texts_and_inline_tables() -> None:
    text = 'backend = [\n  {id = "a", kind = "embedded"},\n  {id = "b", kind = "embeded"},\n]\n'
    assert problems(text)[0].startswith('config.toml:1: backend.kind: "embeded" is not allowed')
    assert problems("# one\u2028line\u0085\n[ui]\npanel = 1")[0].startswith("config.toml:3: ui.panel")
    hidden = '[vllm]\ncommand = """\n[ui]\npanel = 1\n"""\n[ui]\npanel = 2\n'
    assert problems(hidden)[0].startswith("config.toml:7: ui.panel: is a number")


# --- files


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.toml") == (Config(), [])


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LAB.replace("\n", "\r\n").encode())
    config, found = load_config(file)
    assert (found, config.backend[0].id) == ([], "lab")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b'[ui]\ntheme = "\xff"\n')
    _, (problem,) = load_config(file)
    assert str(problem) == f"{file}:2: is not UTF-8 text — save it as UTF-8"


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    _, (problem,) = load_config(tmp_path)
    assert problem.what.startswith("cannot be read")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(LAB)
    file.chmod(0)
    _, (problem,) = load_config(file)
    assert "ermission" in problem.what


def test_the_command_line_says_the_first_and_exits_2() -> None:
    _, found = parse_config("[ui]\npanel = 1\ntheme = 2")
    error = config_error(found)
    assert error.exit_code == EXIT_USAGE
    assert str(error) == f"{found[0]}; and 1 more, which `hybridchat doctor` lists"
    assert str(config_error(found[:1])) == str(found[0])


# --- for any input

WORDS = st.sampled_from(["backend", "id", "kind", "route", "tables", "rule", "ui", "theme", "price", "to", "x", "a.b"])
LEAVES = st.one_of(
    st.integers(-2, 2),
    st.booleans(),
    st.floats(),
    st.sampled_from(["", "vllm", "lab", "http://127.0.0.1", "sk-1", "high", "local", "é`'[0]"]),
)
VALUES = st.recursive(LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(WORDS, v, max_size=4), max_leaves=12)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_any_toml_gives_a_config_or_problems_with_lines(data: dict[str, object]) -> None:
    import tomlkit

    text = tomlkit.dumps(data)
    tomllib.loads(text)
    config, found = parse_config(text)
    assert found or isinstance(config, Config)
    for problem in found:
        assert problem.line is not None
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.what


@given(st.text(max_size=40))
def test_any_text_gives_a_config_or_problems(text: str) -> None:
    _, found = parse_config(text)
    assert all(str(problem).startswith("config.toml") for problem in found)
