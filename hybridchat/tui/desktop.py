"""The desktop's own programs: the clipboard's, on top of OSC 52, and the browser. None of them finds a key in its
environment, or the terminal to write on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

TIMEOUT_S = 2.0
BROWSER_TIMEOUT_S = 10.0
# What these programs need to find the display and the user's choices, and nothing else: API keys live in the
# environment too. Without TERM no browser for the terminal, which is the chat's, is tried.
_PASSED_ON = {
    *("PATH", "HOME", "LANG", "USER", "LOGNAME", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"),
    *("DESKTOP_SESSION", "WSL_DISTRO_NAME", "WSL_INTEROP", "SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "USERPROFILE"),
}
_PASSED_ON_BEGIN = ("LC_", "XDG_", "DBUS_", "GNOME_", "KDE_", "GTK_", "QT_", "MOZ_")
_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"


def desktop_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a program of the desktop gets of it."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _PASSED_ON or name.upper().startswith(_PASSED_ON_BEGIN)
    }


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
            env=desktop_environment(environment),
            input=text.encode(encoding, "replace"),
            stdout=subprocess.DEVNULL,  # xclip stays behind as a child: a pipe would wait for it
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def open_in_browser(url: str, environment: Mapping[str, str]) -> bool:
    """Blocks for at most BROWSER_TIMEOUT_S: call it in a thread. False where there is no browser or it failed.

    `url` begins with http, https or mailto. A Python of its own finds the browser: what a browser prints, and one that
    stays in the foreground, must not reach the chat's terminal.
    """
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _OPEN, url],
            env=desktop_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return process.wait(BROWSER_TIMEOUT_S) == 0
    except subprocess.TimeoutExpired:  # a browser that stays in the foreground
        process.returncode = 0  # it outlives us: Popen neither waits for it nor warns
        return True
    except OSError:
        return False
