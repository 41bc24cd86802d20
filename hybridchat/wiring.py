"""The only place where objects are built: from paths and config to a ledger and a session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import NamedTuple

from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.config import Config, Problem, load_config
from hybridchat.ledger.store import Ledger, open_ledger
from hybridchat.paths import Paths, find_paths
from hybridchat.session.chat import Session
