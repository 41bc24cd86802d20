"""`vllm serve MODEL …` as seen from outside: a log, a worker in its group, /health. The model says how it goes."""

from __future__ import annotations

import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def main() -> None:
    model, port = sys.argv[2], int(sys.argv[sys.argv.index("--port") + 1])
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("(EngineCore pid=9) INFO 11-21 [core.py:133] Initializing a V1 LLM engine (v0.32.0)", flush=True)
    print("Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:00<?, ?it/s]", flush=True)
    if model == "crashes":
        print("(Worker pid=1) ERROR [x.py:1] RuntimeError: no room for the model", flush=True)
        print("(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.", flush=True)
        sys.exit(1)
    if model == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if model == "slow":
        signal.pause()
    HTTPServer(("127.0.0.1", port), Health).serve_forever()


main()
