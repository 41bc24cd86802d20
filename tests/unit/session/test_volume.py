"""Whether a folder's disk is encrypted, over made-up /proc and /sys."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hybridchat.session import volume
from hybridchat.session.volume import Encryption

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its /proc and /sys")

PLAIN = {"sda2": ()}
CRYPT = {"dm-0": ("CRYPT-LUKS2-abc", "sda2"), "sda2": ()}
LVM_ON_CRYPT = {"dm-1": ("LVM-xyz", "dm-0"), **CRYPT}
MIRROR_HALF_CRYPT = {"md0": ("", "dm-0", "sdb1"), "sdb1": (), **CRYPT}


@pytest.fixture(autouse=True)
def no_fscrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "_is_encrypted_folder", lambda folder: False)


class System:
    """Its files below a folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("proc/self", "sys/dev/block", "sys/block"):
            (root / folder).mkdir(parents=True)

    def devices(self, made: dict[str, tuple[str, ...]]) -> None:
        """Name → its dm uuid and what it is made of."""
        for name in made:
            (self.root / "sys/block" / name / "slaves").mkdir(parents=True)
        for name, (uuid, *below) in ((name, of or ("",)) for name, of in made.items()):
            if uuid:
                (self.root / "sys/block" / name / "dm").mkdir()
                (self.root / "sys/block" / name / "dm" / "uuid").write_text(f"{uuid}\n")
            for one in below:
                (self.root / "sys/block" / name / "slaves" / one).symlink_to(self.root / "sys/block" / one)

    def mounts(self, *lines: str) -> None:
        (self.root / "proc/self/mountinfo").write_text("".join(f"{line}\n" for line in lines))

    def block(self, number: str, name: str) -> None:
        (self.root / "sys/dev/block" / number).symlink_to(self.root / "sys/block" / name)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path / "root")


@pytest.mark.parametrize(
    ("devices", "name", "is_encrypted"),
    [
        (PLAIN, "sda2", False),
        (CRYPT, "dm-0", True),
        (LVM_ON_CRYPT, "dm-1", True),
        (MIRROR_HALF_CRYPT, "md0", False),
    ],
    ids=["plain", "crypt", "lvm on crypt", "half a mirror"],
)
def test_what_is_below_the_file_system_decides(
    devices: dict[str, tuple[str, ...]], name: str, is_encrypted: bool, system: System, tmp_path: Path
) -> None:
    system.devices(devices)
    system.block("8:2", name)
    system.mounts(
        f"24 1 8:2 / {tmp_path} rw,relatime shared:1 master:2 - ext4 /dev/whatever rw", "25 1 0:9 / / rw - xfs x rw"
    )
    found = volume.of_folder(tmp_path / "not" / "yet" / "there", system.root)
    assert found.is_encrypted is is_encrypted
    assert name in found.how


def test_the_deepest_mount_and_of_two_the_last(system: System, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    escaped = str(tmp_path / "a b").replace(" ", "\\040")
    system.mounts(
        f"1 1 0:1 / {escaped} rw - ecryptfs /home/.ecryptfs rw",
        f"2 1 0:2 / {escaped} rw - tmpfs tmpfs rw",
        f"3 1 0:3 / {tmp_path} rw - nfs server:/x rw",
    )
    assert volume.of_folder(tmp_path / "a b", system.root) == Encryption(
        None, "in memory (tmpfs), which may be swapped out"
    )
    assert volume.of_folder(tmp_path, system.root) == Encryption(None, "on nfs, of which the system does not tell")


def test_file_systems_that_encrypt(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system.mounts(f"1 1 0:1 / {tmp_path} rw - fuse.gocryptfs x rw")
    assert volume.of_folder(tmp_path, system.root) == Encryption(True, "fuse.gocryptfs")
    monkeypatch.setattr(volume, "_is_encrypted_folder", lambda folder: True)
    assert volume.of_folder(tmp_path, system.root).is_encrypted


@pytest.mark.parametrize(("said", "is_encrypted"), [("aes-256-gcm", True), ("off", False), (None, None)])
def test_zfs_is_asked(
    said: str | None, is_encrypted: bool | None, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "_said", lambda *words: said if words[-1] == "pool/home" else "wrong")
    system.mounts(f"1 1 0:1 / {tmp_path} rw - zfs pool/home rw")
    assert volume.of_folder(tmp_path, system.root).is_encrypted is is_encrypted


def test_a_system_that_tells_nothing(system: System, tmp_path: Path) -> None:
    assert volume.of_folder(tmp_path, system.root) == volume.UNKNOWN
    system.mounts("nonsense")
    assert volume.of_folder(tmp_path, system.root) == volume.UNKNOWN
    assert volume.of_swap(system.root) is None


def test_the_worst_swap_space_is_told(system: System, tmp_path: Path) -> None:
    system.devices(PLAIN)
    system.block("8:2", "sda2")
    system.mounts(f"1 1 8:2 / {tmp_path} rw - ext4 /dev/sda2 rw")
    head = "Filename\tType\tSize\tUsed\tPriority\n"
    swaps = system.root / "proc/swaps"
    swaps.write_text(head)
    assert volume.of_swap(system.root) is None
    swaps.write_text(f"{head}/dev/zram0 partition 1 0 100\n")
    assert volume.of_swap(system.root) == Encryption(None, "compressed in memory (zram)")
    swaps.write_text(f"{head}/dev/zram0 partition 1 0 100\n{tmp_path}/swapfile file 1 0 -2\n")
    assert volume.of_swap(system.root) == Encryption(False, "no dm-crypt below sda2")


def test_the_real_system_is_told_without_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert volume.of_folder(tmp_path).how
    volume.of_swap()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("FileVault is On.", Encryption(True, "FileVault")),
        ("FileVault is Off.", Encryption(False, "FileVault is off")),
        (None, volume.UNKNOWN),
    ],
)
def test_filevault(said: str | None, expected: Encryption, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(volume, "_said", lambda *_: said)
    assert volume.of_folder(tmp_path) == expected


def test_a_program_that_is_not_there_says_nothing() -> None:
    assert volume._said("no-such-program-of-anybody") is None
    assert volume._said("false") is None
