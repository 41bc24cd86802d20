"""llama.cpp's own HTTP server in this process: `python -m tests.real.llamacpp_server MODEL PORT CONTEXT`."""

from __future__ import annotations

import sys
import threading

import xllamacpp

if __name__ == "__main__":
    params = xllamacpp.CommonParams()
    params.model.path, params.port, params.n_ctx = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    params.hostnames = ["127.0.0.1"]
    params.model_alias = {"tiny"}
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    threading.Event().wait()
