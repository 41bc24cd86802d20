"""Whether this system lets us make a network namespace with a name server and a machine of its own in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import lru_cache

from tests.privacy.sandbox import NAMESPACE


@lru_cache(maxsize=1)
def has_namespaces() -> bool:
    if sys.platform != "linux" or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    tried = subprocess.run([*NAMESPACE, "ip", "address", "add", "192.0.2.1/32", "dev", "lo"], capture_output=True)
    return tried.returncode == 0
