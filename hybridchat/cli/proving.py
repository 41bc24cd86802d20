"""`hybridchat audit --prove`: each part of the proof in a process of its own, and one table of what they found."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends.processes import child_environment
from hybridchat.cli import output
from hybridchat.cli.running import run
from hybridchat.errors import EXIT_FAILED, EXIT_OK
from hybridchat.net.witness import namespace_command
from hybridchat.session.proof import Part, Tried, prove_own, prove_with_stand_in

_PART_S = 600.0


class Proof(Struct, frozen=True, kw_only=True):
    """`is_proven`: everything that was tried went as promised, and nothing left as far as the witnesses see."""

    is_proven: bool
    tried: tuple[Tried, ...]
    not_checked: tuple[str, ...]


def prove(*, as_json: bool) -> int:
    """Prints the table; returns the exit code."""
    parts = [_scripted(), _run_part("own", (), os.environ)]
    tried = tuple(row for part in parts for row in part.tried)
    proof = Proof(
        is_proven=bool(tried) and all(row.is_kept for row in tried) and all(part.tried for part in parts),
        tried=tried,
        not_checked=tuple(dict.fromkeys(line for part in parts for line in part.not_checked)),
    )
    if as_json:
        output.json(proof)
    else:
        _print(proof)
    return EXIT_OK if proof.is_proven else EXIT_FAILED


def _scripted() -> Part:
    """In a namespace where the system allows one, else under the hook alone."""
    env = child_environment("PYTHON")
    command = namespace_command()
    if not isinstance(command, str):
        return _run_part("namespace", command, env)
    part = _run_part("hook", (), env)
    return replace(part, not_checked=(f"by the kernel's counters: {command}", *part.not_checked))


def _run_part(part: str, command: Sequence[str], env: Mapping[str, str]) -> Part:
    program = (*command, sys.executable, "-P", "-m", "hybridchat", "audit", "--prove-part", part)
    path = os.pathsep.join(filter(None, (env.get("PYTHONPATH"), str(Path(__file__).parents[2]))))
    with tempfile.TemporaryDirectory(prefix="hybridchat-proof-") as folder:
        home = {} if part == "own" else {"HYBRIDCHAT_HOME": folder, "HOME": folder}
        try:
            done = subprocess.run(
                program,
                env={**env, **home, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PART_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return Part((), (f"the part {part!r}: it could not be run ({type(error).__name__})",))
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        return Part((), (f"the part {part!r}: it failed ({lines[-1]})",))
    return msgspec.json.decode(done.stdout, type=Part)


def run_part(part: str) -> None:
    """In the process that `prove` started: prints what was found."""
    from hybridchat import wiring
    from hybridchat.ledger.shared import SharedLedger
    from hybridchat.session.chat import Session

    def open_session(config: str) -> Session:
        file = Path(os.environ["HYBRIDCHAT_HOME"]) / "config.toml"
        file.write_text(config, encoding="utf-8")
        return wiring.load().open_session()

    def open_own_session() -> Session:
        return wiring.load(local_only=True)._replace(ledger=SharedLedger(None)).open_session()

    if part == "own":
        found = run(prove_own(open_own_session))
    else:
        found = run(prove_with_stand_in(open_session, in_namespace=part == "namespace"))
    output.json(found)


def _print(proof: Proof) -> None:
    output.table(
        ("tried", "result", "left", "seen by", "kept"),
        [(row.what, row.result, _left(row), ", ".join(row.seen_by), row.is_kept) for row in proof.tried],
    )
    output.line()
    for line in proof.not_checked:
        output.line(f"not checked: {line}")
    output.line(
        "Nothing left, as far as these witnesses see."
        if proof.is_proven
        else "NOT proven: see the rows that were not kept, and what could not be run."
    )


def _left(row: Tried) -> str:
    unroutable = f", {row.unroutable} unroutable" if row.unroutable else ""
    return f"{row.left_bytes} bytes{unroutable}" + "".join(f", {attempt}" for attempt in row.attempts)
