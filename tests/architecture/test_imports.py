"""Importing does nothing, works without POSIX, and the screen's start path stays light.

Each look happens in a fresh interpreter, because this one has imported everything already.
"""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import hybridchat

MODULES = sorted(m.name for m in pkgutil.walk_packages(hybridchat.__path__, "hybridchat."))

HEAVY = (
    *("genai_prices", "httpcore", "httpcore2", "httpx", "httpx2", "huggingface_hub", "keyring", "ollama", "pydantic"),
    *("pygments.lexers", "requests", "sqlite_utils", "tomlkit", "truststore", "xllamacpp"),
    *("hybridchat.backends.base", "hybridchat.ledger.store", "hybridchat.session.chat"),
)

POSIX_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")

# Other people's modules ask this system what it has, once; ours are then imported again without it.
WITHOUT_POSIX = f"""
import importlib, os, signal, socket, sys
sys.modules.update(dict.fromkeys({POSIX_MODULES!r}))

def import_all():
    for name in sys.argv[1:]:
        importlib.import_module(name)

import_all()
for name in [name for name in sys.modules if name.partition(".")[0] == "hybridchat"]:
    del sys.modules[name]
in_os = '''
chown chroot fchmod fchown fdatasync fork forkpty getegid geteuid getgid getgroups getpgid getpgrp getsid
getuid killpg lchown lockf mkfifo nice openpty pipe2 posix_fallocate posix_spawn pread pwrite
register_at_fork sched_getaffinity sendfile setpgid setsid statvfs sync sysconf tcgetpgrp tcsetpgrp
ttyname uname wait wait3 wait4 waitid WEXITED WNOHANG WNOWAIT WUNTRACED WIFEXITED WIFSIGNALED WIFSTOPPED
O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC P_PID P_PGID
'''
windows_has = "SIGABRT SIGFPE SIGILL SIGINT SIGSEGV SIGTERM".split()
in_signal = "alarm getitimer setitimer pause pthread_kill pthread_sigmask siginterrupt sigpending sigwait".split()
in_signal += [name for name in vars(signal) if name.startswith("SIG") and name[3].isalpha() and name not in windows_has]
for module, names in ((os, in_os.split()), (signal, in_signal), (socket, ["AF_UNIX"])):
    for name in names:
        vars(module).pop(name, None)
assert not hasattr(os, "killpg") and not hasattr(signal, "SIGKILL")
import_all()
"""

WATCH = """
import importlib, json, os, sys, threading
deeds = []

def by_us(depth):
    frame = sys._getframe(depth)
    while frame and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").startswith("hybridchat")

class Watched(type(os.environ)):
    def __getitem__(self, key):
        if by_us(2) or by_us(3) or by_us(4):
            deeds.append(f"reads {key} from the environment")
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        if by_us(2):
            deeds.append(f"sets {key} in the environment")
        super().__setitem__(key, value)

os.environ.__class__ = Watched
threading.Thread.start = lambda thread: deeds.append(f"starts {thread.name}")
FORBIDDEN = ("os.mkdir", "subprocess.Popen", "sqlite3.connect", "signal.")

def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        deeds.append(f"writes {arguments[0]}")
    elif event.startswith(("socket.", *FORBIDDEN)):
        deeds.append(event)

sys.dont_write_bytecode = True
importing = ""
sys.addaudithook(watch)
for name in sys.argv[1:]:
    before = len(deeds)
    importlib.import_module(name)
    deeds[before:] = [f"{name}: {deed}" for deed in deeds[before:]]
print(json.dumps(deeds))
"""


def in_fresh_python(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_does_nothing() -> None:
    assert json.loads(in_fresh_python(WATCH, *MODULES)) == []


def test_importing_works_where_posix_is_absent() -> None:
    in_fresh_python(WITHOUT_POSIX, *MODULES)


def test_the_start_path_is_light() -> None:
    loaded = "import sys, {}; print(*sys.modules)"
    bare = set(in_fresh_python(loaded.format("textual.app, textual.widgets")).split())
    ours = set(in_fresh_python(loaded.format("hybridchat.__main__, hybridchat.wiring, hybridchat.tui.app")).split())
    assert sorted((ours - bare) & set(HEAVY)) == []
