"""How log lines look: one structlog pipeline for our own lines and the libraries' ones."""

import logging
import sys
from typing import Any

import structlog

_steps: list[structlog.typing.Processor] = []


def _redact(logger: Any, method: str, line: Any) -> Any:
    for step in _steps:
        line = step(logger, method, line)
    return line


def redact_log_lines(step: structlog.typing.Processor) -> None:
    """From now on, let every log line of this process go through `step`, and no earlier one."""
    _steps[:] = [step]


def configure_logs(log_format: str, *, level: int = logging.INFO) -> None:
    """Send all log lines to standard error, as readable text or as JSON ('console' or 'json')."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Libraries say at INFO what is no news to an operator.
    for chatty in ("httpx2", "httpcore2", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # A chain that still runs when the next is due is the normal case under load, and not worth a
    # warning twice a second.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
