"""Logs, traces and metrics of one service, set up once, at its start."""

from shared import logs, shutdown
from shared.settings import CommonSettings


def configure(settings: CommonSettings, service: str) -> None:
    """Log as *service* is to, and export if it is to.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: Google's endpoint, and no credentials.
    """
    logs.configure(settings.log_level, settings.gcp_project)
    if not settings.otlp_endpoint:
        return
    from shared.gcp.otlp import Exporter  # noqa: PLC0415 - it costs start-up time

    exporter = Exporter(
        settings.otlp_endpoint,
        project=settings.gcp_project,
        service=service,
        share=settings.trace_share,
    )
    exporter.start()
    shutdown.at_exit(exporter.stop)
