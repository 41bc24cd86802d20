"""Installed into .venv-vllm by scripts/vllm_env: vLLM's processes wait by calling sched_yield in a loop.

On Linux 6.18 two such loops kept everything else off two cores for many seconds, the tests that watch the server
among it (measured: 17 s without one turn for a process that wanted five a second).
"""

import os
import time

if hasattr(os, "sched_yield"):
    os.sched_yield = lambda: time.sleep(0.00005)
