"""Whether what is written to a folder, or swapped out, lies encrypted on its disk, as far as the system tells.

A drive that encrypts by itself is seen by nobody. Nothing is mounted, changed or asked for a password.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from hybridchat.backends.processes import child_environment

ENCRYPTING = {"ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.securefs"}
IN_MEMORY = {"tmpfs", "ramfs"}
TELL_WITHIN_S = 5.0
_GET_FLAGS, _ENCRYPTED = 0x80086601, 0x800  # linux/fs.h: FS_IOC_GETFLAGS, FS_ENCRYPT_FL


class Encryption(Struct, frozen=True):
    """`is_encrypted` None: the system does not tell. `how`: one clause."""

    is_encrypted: bool | None
    how: str


UNKNOWN = Encryption(None, "this system does not tell")


def of_folder(folder: Path, root: Path = Path("/")) -> Encryption:
    """Of the nearest folder that exists. May take seconds. `root`: where /proc and /sys are."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if sys.platform == "darwin":
        return _of_mac()
    if sys.platform != "linux":
        return UNKNOWN
    if _is_encrypted_folder(folder):
        return Encryption(True, "the file system encrypts this folder (fscrypt)")
    mount = _mount_of(folder.resolve(), root)
    return _of_mount(mount, root) if mount else UNKNOWN


def of_swap(root: Path = Path("/")) -> Encryption | None:
    """Of all swap spaces; None without any, or where nobody knows of any."""
    try:
        lines = (root / "proc/swaps").read_text().splitlines()[1:]
    except OSError:
        return None
    each = [_of_swap_space(*map(_unescaped, line.split()[:2]), root=root) for line in lines]
    for worst in (False, None, True):
        if found := next((one for one in each if one.is_encrypted is worst), None):
            return found
    return None


# --- Linux


class _Mount(Struct, frozen=True):
    point: str
    device: str  # MAJOR:MINOR
    kind: str
    source: str


def _mounts(root: Path) -> Iterator[_Mount]:
    """proc(5): optional fields stand before a lone hyphen."""
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        _, _, device, _, point, *_ = before.split(" ")
        kind, source, *_ = after.split(" ")
        yield _Mount(_unescaped(point), device, kind, _unescaped(source))


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)


def _mount_of(folder: Path, root: Path) -> _Mount | None:
    """The deepest one, and of several at one place the last."""
    try:
        holding = [mount for mount in _mounts(root) if folder.is_relative_to(mount.point)]
    except (OSError, ValueError):
        return None
    return max(reversed(holding), key=lambda mount: len(Path(mount.point).parts), default=None)


def _of_mount(mount: _Mount, root: Path) -> Encryption:
    if mount.kind in ENCRYPTING:
        return Encryption(True, mount.kind)
    if mount.kind in IN_MEMORY:
        return Encryption(None, f"in memory ({mount.kind}), which may be swapped out")
    if mount.kind == "zfs":
        return _of_zfs(mount.source)
    return _of_device(_block_device(mount.device, mount.source, root), mount.kind)


def _block_device(number: str, source: str, root: Path) -> Path | None:
    """Its folder in /sys. Some file systems (btrfs) have a number of their own, and only their source has a device."""
    entries = root / "sys/dev/block"
    if (entries / number).exists():
        return (entries / number).resolve()
    try:
        found = Path(source).stat().st_rdev if source.startswith("/dev/") else 0
    except OSError:
        return None
    entry = entries / f"{os.major(found)}:{os.minor(found)}"
    return entry.resolve() if found and entry.exists() else None


def _of_device(device: Path | None, what: str) -> Encryption:
    if device is None:
        return Encryption(None, f"on {what}, of which the system does not tell")
    try:
        is_encrypted = _is_on_crypt(device)
    except OSError:
        return UNKNOWN
    return Encryption(is_encrypted, f"{'dm-crypt below' if is_encrypted else 'no dm-crypt below'} {device.name}")


def _is_on_crypt(device: Path) -> bool:
    """Itself, or all that it is made of."""
    uuid = device / "dm" / "uuid"
    if uuid.exists() and uuid.read_text().startswith("CRYPT-"):
        return True
    below = list((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    return bool(below) and all(_is_on_crypt(one.resolve()) for one in below)


def _is_encrypted_folder(folder: Path) -> bool:
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        flags = int.from_bytes(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)), sys.byteorder)
    except OSError:  # a file system without flags
        return False
    finally:
        os.close(descriptor)
    return bool(flags & _ENCRYPTED)


def _of_swap_space(name: str, kind: str, *, root: Path) -> Encryption:
    if Path(name).name.startswith("zram"):
        return Encryption(None, "compressed in memory (zram)")
    if kind == "file":
        return of_folder(Path(name).parent, root)
    return _of_device(_block_device("", name, root), "swap")


# --- asking a program


def _of_zfs(dataset: str) -> Encryption:
    said = _said("zfs", "get", "-H", "-o", "value", "encryption", dataset)
    if said is None:
        return Encryption(None, "on zfs, of which the system does not tell")
    return Encryption(said not in ("off", "-"), f"zfs encryption {said}")


def _of_mac() -> Encryption:
    said = _said("fdesetup", "status") or ""
    if "FileVault is On" in said:
        return Encryption(True, "FileVault")
    return Encryption(False, "FileVault is off") if "FileVault is Off" in said else UNKNOWN


def _said(program: str, *arguments: str) -> str | None:
    """None where it is not there, or fails."""
    if (path := shutil.which(program)) is None:
        return None
    command, environment = [path, *arguments], child_environment()
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TELL_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
