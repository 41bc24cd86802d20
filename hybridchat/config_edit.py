"""Changes to config.toml at the user's word: comments and formatting stay, and a file with a mistake is not touched."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from hybridchat.config import config_error, load_config, parse_config
from hybridchat.errors import HybridchatError, UsageError

_TEMPLATE = Path(__file__).parent / "data" / "config.toml"
_BACKENDS_BEGIN = "# Yours:\n"


def add_backend(path: Path, values: Mapping[str, object]) -> None:
    """Writes a `[[backend]]` behind the others; `values` are its keys in the order in which they shall stand.

    Without a file, one with comments and examples is made. Raises UsageError when the file has or would get a mistake.
    """
    import tomlkit

    text = _read(path)
    block = tomlkit.dumps({"backend": [dict(values)]}).strip() + "\n"
    lines = _lines(text)
    headers = _headers(lines, "[[backend]]")
    if headers:
        last = _last_line_of(lines, headers[-1])
    else:
        last = lines.index(_BACKENDS_BEGIN) if _BACKENDS_BEGIN in lines else len(lines) - 1
    changed = "".join([*lines[: last + 1], "\n", block, *lines[last + 1 :]])
    data = tomllib.loads(text)
    _write(path, changed, {**data, "backend": [*data.get("backend", ()), *tomllib.loads(block)["backend"]]})


def remove_backend(path: Path, backend: str) -> None:
    """Takes the `[[backend]]` of that id out; comments above it and behind it stay. Raises UsageError without one."""
    text = _read(path)
    data = tomllib.loads(text)
    ids = [entry["id"] for entry in data.get("backend", ())]
    if backend not in ids:
        raise UsageError(f"no backend is called {backend}", f"one of: {', '.join(ids)}" if ids else "")
    place = ids.index(backend)
    rest = [entry for entry in data["backend"] if entry["id"] != backend]
    lines = _lines(text)
    headers = _headers(lines, "[[backend]]")
    if len(headers) != len(ids):
        raise _by_hand(path)
    last = _last_line_of(lines, headers[place])
    behind = lines[last + 1 :]
    while behind and not behind[0].strip():
        behind.pop(0)
    others = {key: value for key, value in data.items() if key != "backend"}
    _write(path, "".join([*lines[: headers[place]], *behind]), {**others, **({"backend": rest} if rest else {})})


def set_value(path: Path, key: str, value: object) -> None:
    """Sets one value outside the backends, such as `ui.theme`; raises as `add_backend`."""
    import tomlkit

    section, _, name = key.rpartition(".")
    text = _read(path)
    data = tomllib.loads(text)
    expected = {**data, section: {**data.get(section, {}), name: value}}
    lines = _lines(text)
    headers = _headers(lines, f"[{section}]")
    line = tomlkit.dumps({name: value})
    if name in data.get(section, {}):
        document = tomlkit.parse(text)
        document[section][name] = value
        changed = tomlkit.dumps(document)
    elif headers:
        last = _last_line_of(lines, headers[0])
        changed = "".join([*lines[: last + 1], line, *lines[last + 1 :]])
    else:
        changed = f"{text.rstrip()}\n\n[{section}]\n{line}"
    _write(path, changed, expected)


def _read(path: Path) -> str:
    """The file's text, or what a new one begins with. Raises UsageError for one with a mistake."""
    _, problems = load_config(path)
    if problems:
        raise config_error(problems)
    if not path.exists():
        return _TEMPLATE.read_text(encoding="utf-8")
    text = path.read_bytes().decode("utf-8-sig")
    return text if text.endswith("\n") or not text else f"{text}\n"


def _lines(text: str) -> list[str]:
    """With their ends; TOML knows no other end than this, and `_read` sees to the last."""
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _headers(lines: list[str], header: str) -> list[int]:
    """The lines that are that header."""
    return [number for number, line in enumerate(lines) if line.partition("#")[0].replace(" ", "").strip() == header]


def _last_line_of(lines: list[str], header: int) -> int:
    """The last line of what stands under a header, its subtables included; comments behind belong to what follows."""
    name = lines[header].strip(" [").partition("]")[0].strip()
    end = header + 1
    while end < len(lines) and (not lines[end].lstrip().startswith("[") or lines[end].lstrip().startswith(f"[{name}.")):
        end += 1
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end - 1


def _write(path: Path, text: str, expected: Mapping[str, object]) -> None:
    """Replaces the file at once with `text`, which must be a config without mistakes that says what is expected."""
    _, problems = parse_config(text, str(path))
    if problems:
        raise config_error(problems)
    if tomllib.loads(text) != expected:
        raise _by_hand(path)
    target = path.resolve()  # a link to a file kept elsewhere stays a link
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".config-", suffix=".toml")  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise HybridchatError(f"{path} cannot be written: {error.strerror or error}", "check its folder") from error


def _by_hand(path: Path) -> UsageError:
    return UsageError(f"{path} is written in a way that hybridchat does not change by itself", "change it by hand")
