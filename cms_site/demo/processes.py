"""Starts the site with a real worker, beat and language model, and ends them together."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from django.conf import settings

from cms_site.demo.model import is_ready, model_command

GRACE_SECONDS = 10
PAUSE_SECONDS = 2


def port_is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((host, port))
            return True
    return False


@contextlib.contextmanager
def language_model() -> Iterator[bool]:
    """Run the language model meanwhile; whether it answers. False where it is not installed, or does not start."""
    command = model_command(settings.DEMO_MODEL_PORT)
    if command is None or not port_is_free("127.0.0.1", settings.DEMO_MODEL_PORT):
        yield False
        return
    process = _start(command)
    try:
        yield is_ready(settings.DEMO_MODEL_PORT)
    finally:
        _end([process])


def run_site(host: str, port: int, tell: Callable[[str], object]) -> int:
    """Run everything until the web server ends or the person presses Ctrl-C; return the exit code.

    What else ends is started again: pages need neither worker, beat nor model, but new articles, training and drafts
    do.
    """
    celery = [sys.executable, "-m", "celery", "-A", "cms_site"]
    commands = {
        "web server": [sys.executable, "manage.py", "runserver", "--noreload", f"{host}:{port}"],
        "worker": [*celery, "worker", "--loglevel", "warning", "--concurrency", "1"],
        "beat": [*celery, "beat", "--loglevel", "warning"],
    }
    if (model := model_command(settings.DEMO_MODEL_PORT)) and port_is_free("127.0.0.1", settings.DEMO_MODEL_PORT):
        commands["language model"] = model
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    processes = {name: _start(command) for name, command in commands.items()}
    try:
        while processes["web server"].poll() is None:
            for name, process in processes.items():
                if process.poll() is not None:
                    tell(f"The {name} has ended ({process.returncode}); it is started again.")
                    processes[name] = _start(commands[name])
            time.sleep(PAUSE_SECONDS)
        return processes["web server"].returncode
    except KeyboardInterrupt:
        return 0
    finally:
        _end(list(processes.values()))


def _start(command: Sequence[str]) -> subprocess.Popen:
    return subprocess.Popen(command, cwd=settings.BASE_DIR)  # noqa: S603 (our own words)


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
