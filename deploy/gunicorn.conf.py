"""gunicorn on Cloud Run and in the local stack: one process, one thread per request in flight."""

import os

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

# gunicorn binds 0.0.0.0:$PORT by itself; the local stack stays on loopback.
if "BIND" in os.environ:
    bind = f"{os.environ['BIND']}:{os.environ.get('PORT', '8080')}"
workers = 1
worker_class = "gthread"
threads = int(os.environ.get("THREADS") or 80)  # at least Cloud Run's concurrency
timeout = 0  # Cloud Run limits requests; gthread's timeout would only watch the worker's loop
graceful_timeout = 9  # Cloud Run sends SIGKILL 10 s after SIGTERM
_FLUSH_SECONDS = 2
control_socket_disable = True  # nobody steers the server from inside its container
accesslog = None  # Cloud Run logs every request, and query strings hold secrets

# Names instead of an import: this file is read before the repository's root is on the path.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stdout": {"()": "shared.logs.handler"}},
    "root": {"level": "INFO", "handlers": ["stdout"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        # Any log configuration switches the access log on again.
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}


def on_starting(server: Arbiter) -> None:
    """Log what is printed, too; give ingest, whose streams hold a thread each, its own number."""
    from shared import stderr  # noqa: PLC0415 - see above

    stderr.log_it()
    if server.app.app_uri.startswith("services.ingest."):
        server.cfg.set("threads", int(os.environ.get("INGEST_THREADS") or 256))


def post_worker_init(worker: Worker) -> None:
    """Tell the handlers at once that SIGTERM has come; gunicorn itself only stops accepting."""
    from shared import shutdown  # noqa: PLC0415 - see above

    shutdown.chain()
    # The master kills a worker at the moment when the worker itself would give up waiting and
    # begin to clean up. Requests go on running in their threads until they are killed.
    worker.cfg.set("graceful_timeout", max(0, worker.cfg.graceful_timeout - _FLUSH_SECONDS))


def worker_exit(_server: Arbiter, _worker: Worker) -> None:
    """Runs also while requests are left that will be cut off; atexit would not."""
    from shared import shutdown  # noqa: PLC0415 - see above

    shutdown.flush()
