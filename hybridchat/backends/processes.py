"""Processes that compute for us: started in a group of their own, told apart from others, ended to the last one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Children get these and nothing else: keys of managed backends live in the environment too.
_PASSED_ON = frozenset(
    (
        *("PATH", "HOME", "USER", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH"),
        *("SYSTEMROOT", "COMSPEC", "PATHEXT", "USERPROFILE", "LOCALAPPDATA", "APPDATA"),
    )
)
_PASSED_ON_FAMILIES = ("LC_", "XDG_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "GGML_", "OMP_", "MKL_")


def child_environment(*families: str, **extra: str) -> dict[str, str]:
    """The environment for a child: what it needs to run, variables of the given families (prefixes), and `extra`.

    No API key is in it, whatever its family: not VLLM_API_KEY either.
    """
    allowed = _PASSED_ON_FAMILIES + families
    passed = {k: v for k, v in os.environ.items() if k.upper() in _PASSED_ON or k.upper().startswith(allowed)}
    return {k: v for k, v in passed.items() if not k.upper().endswith("_API_KEY")} | extra


def start(
    argv: Sequence[str], log_file: Path, environment: dict[str, str], stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Starts a program in a session of its own, all its output in `log_file` (0600, begun anew). Raises OSError."""
    log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return subprocess.Popen(argv, stdin=stdin, stdout=log, stderr=log, env=environment, start_new_session=True)
    finally:
        os.close(log)


def leave_running(child: subprocess.Popen[bytes]) -> None:
    """Popen will neither wait for this child nor warn about it: it outlives us, or `end_group` has ended it."""
    child.returncode = 0


def log_tail(log_file: Path, limit_bytes: int = 16_384) -> str:
    """The end of a log, as text; empty if it cannot be read."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - limit_bytes))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


# --- who is who


def birth_of(pid: int) -> str | None:
    """A mark that no other process ever has: boot and start time. None for no process, or only its corpse."""
    if sys.platform == "win32":
        return None
    if _has_proc():
        fields = _stat(pid)
        return None if fields is None or fields[0] == "Z" else f"{_boot()}/{fields[19]}"
    state, _, started = _ps("-o", "stat=,lstart=", "-p", str(pid)).strip().partition(" ")
    return None if not state or state.startswith("Z") else f"{_boot()}/{started.strip()}"


def group_members(pgid: int) -> tuple[int, ...]:
    """The living processes of a group."""
    if _has_proc():
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        stats = ((pid, _stat(pid)) for pid in pids)
        return tuple(pid for pid, fields in stats if fields and fields[0] != "Z" and int(fields[2]) == pgid)
    rows = (line.split() for line in _ps("-A", "-o", "pid=,pgid=,stat=").splitlines())
    return tuple(int(pid) for pid, group, state in rows if int(group) == pgid and not state.startswith("Z"))


def resident_bytes(pid: int, file: Path) -> int | None:
    """How much of a file that a process has mapped is in memory; None if it is not mapped, or nobody tells."""
    try:
        maps = Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    sizes = re.findall(rf" {re.escape(str(file))}\n(?:.+\n)*?Rss: +(\d+) kB", maps)
    return sum(map(int, sizes)) * 1024 if sizes else None


def is_same_boot(birth: str) -> bool:
    """Whether a mark of `birth_of` is of this run of the machine."""
    return birth.partition("/")[0] == _boot()


def _has_proc() -> bool:
    return Path("/proc/self/stat").exists()


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on (the name before it may hold anything)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _run("sysctl", "-n", "kern.boottime").partition("}")[0].replace("/", "")


def _ps(*arguments: str) -> str:
    return _run("ps", *arguments)


def _run(*argv: str) -> str:
    return subprocess.run(argv, env=child_environment(), capture_output=True, text=True, check=False, timeout=5).stdout


# --- the end


async def end_group(pgid: int, patience_s: float = 10.0) -> None:
    """TERM to the whole group, KILL to what is left after `patience_s` or when we are cancelled."""
    is_over = False
    try:
        _signal_group(pgid, signal.SIGTERM)
        is_over = await until(lambda: not _reap(pgid) and not group_members(pgid), patience_s)
    finally:
        if not is_over:
            _signal_group(pgid, signal.SIGKILL)
    await until(lambda: not _reap(pgid) and not group_members(pgid), 10.0)


def _signal_group(pgid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left, or on macOS only corpses
        os.killpg(pgid, number)


def _reap(pid: int) -> bool:
    """Takes the corpse if it is a child of ours; always False, so that it reads well in a condition."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return False


async def until(condition: Callable[[], bool], patience_s: float, every_s: float = 0.05) -> bool:
    """Polls until the condition holds; False when the time is over."""
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(every_s)
    return True
