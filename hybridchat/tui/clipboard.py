"""The system's clipboard through its own program, where there is one. OSC 52 is Textual's; this comes on top of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

TIMEOUT_S = 2.0
# What these programs need to find the display, and nothing else: API keys live in the environment too.
_PASSED_ON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "WSL_DISTRO_NAME", "WSL_INTEROP"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"),
)


def clipboard_command(
    platform: str, environment: Mapping[str, str], find: Callable[[str], str | None] = shutil.which
) -> list[str] | None:
    """The program that takes the text on its standard input, or None. Over SSH without a display there is none."""
    candidates: list[tuple[str, ...]] = []
    if platform == "darwin":
        candidates.append(("pbcopy",))
    elif platform == "win32" or "WSL_DISTRO_NAME" in environment:
        candidates.append(("clip.exe",))
    if environment.get("WAYLAND_DISPLAY"):
        candidates.append(("wl-copy",))
    if environment.get("DISPLAY"):
        candidates += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    return next((list(c) for c in candidates if find(c[0])), None)


def copy_to_system(text: str, environment: Mapping[str, str]) -> bool:
    """Blocks for at most TIMEOUT_S: call it in a thread. False where there is no such program or it failed."""
    command = clipboard_command(sys.platform, environment)
    if command is None:
        return False
    encoding = "utf-16-le" if command[0] == "clip.exe" else "utf-8"
    try:
        done = subprocess.run(
            command,
            env={name: value for name, value in environment.items() if name.upper() in _PASSED_ON},
            input=text.encode(encoding, "replace"),
            stdout=subprocess.DEVNULL,  # xclip stays behind as a child: a pipe would wait for it
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
