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
