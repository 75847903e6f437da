"""How gunicorn serves the site in a container; WEB_CONCURRENCY sets the number of processes."""

import os

from prometheus_client import multiprocess

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
timeout = 30
graceful_timeout = 20
# A worker is replaced now and then, at different moments, so that no leak lasts.
max_requests = 5000
max_requests_jitter = 500
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn's heartbeat files belong in memory
accesslog = None  # the log of a personalized site must not tie addresses to what was read


def child_exit(server, worker):
    """Drop the metrics files of a process that has gone, so that its gauges do not linger."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
