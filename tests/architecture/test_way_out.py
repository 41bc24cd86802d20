"""Only `net` opens connections: import contracts keep HTTP libraries out, this keeps asyncio's own doors shut."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import hybridchat

PACKAGE = Path(hybridchat.__file__).parent
DOORS = {
    *("create_connection", "create_datagram_endpoint", "create_unix_connection", "getaddrinfo", "getnameinfo"),
    *("open_connection", "open_unix_connection", "sock_connect", "urlopen", "urlretrieve", "build_opener"),
    *("create_server", "create_unix_server", "start_server", "start_unix_server"),
}


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name):
                yield name
            case ast.ImportFrom(names=aliases):
                yield from (alias.name for alias in aliases)


def test_no_door_outside_net() -> None:
    used = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        if PACKAGE / "net" not in path.parents
        for name in DOORS.intersection(names(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert used == set()


STARTS = {"run", "Popen", "call", "check_call", "check_output", "create_subprocess_exec", "create_subprocess_shell"}


def test_no_program_inherits_our_environment() -> None:
    """Keys live in it: whoever starts one says what it gets."""
    careless = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in STARTS
        and ast.unparse(node.func.value) in ("subprocess", "asyncio")
        and ast.unparse(node.func) != "asyncio.run"
        and "env" not in {keyword.arg for keyword in node.keywords}
    }
    assert careless == set()


TRANSPORTS = {"AsyncHTTPTransport", "HTTPTransport", "ConnectionPool", "AsyncHTTPProxy", "HTTPProxy"}
POOLS = {*TRANSPORTS, "AsyncConnectionPool"}
MADE = {"http.py": {"AsyncHTTPTransport", "AsyncConnectionPool", "AsyncHTTPProxy"}, "hub.py": {"HTTPTransport"}}


def test_every_transport_is_recorded() -> None:
    """In net two modules make transports, and what they send is within a `leaving` of the audit."""
    trees = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((PACKAGE / "net").glob("*.py"))}
    watched = {name: POOLS if name != "guard.py" else TRANSPORTS for name in trees}  # the guard looks at a pool
    made = {name: used for name, tree in trees.items() if (used := watched[name].intersection(names(tree)))}
    assert made == MADE
    sends = [(name, around) for name, tree in trees.items() for around in _sends(tree, ())]
    assert [name for name, _ in sends] == ["http.py", "http.py", "hub.py"]
    device, recorded, hub = (around for _, around in sends)
    assert device == ("if self._exit is None",), "only what stays on the device is not recorded"
    assert any(line.startswith("self._exit.leaving(") for line in recorded)
    assert any(line.startswith("self._exit.leaving_by_thread(") for line in hub)


def _sends(node: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Each request handed to the library, with the `with` and `if` that it stands in."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "super()" and node.attr.startswith("handle_"):
        yield inside
    for child in ast.iter_child_nodes(node):
        around = inside
        if isinstance(node, ast.With | ast.AsyncWith) and child in node.body:
            around = (*inside, *(ast.unparse(item) for item in node.items))
        elif isinstance(node, ast.If) and child in node.body:
            around = (*inside, f"if {ast.unparse(node.test)}")
        yield from _sends(child, around)
