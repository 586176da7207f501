"""The web process: uvicorn over Django's ASGI application."""

from __future__ import annotations

import gc

from django.conf import settings


def web_run(host: str, port: int) -> None:
    """Serve until SIGTERM. Raises SystemExit when the address cannot be had."""
    import uvicorn

    gc.enable()
    uvicorn.run(
        settings.ASGI_APPLICATION.replace(".application", ":application"),
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level=settings.LOG_LEVEL.lower(),
        timeout_graceful_shutdown=3,
        # Who speaks for others is the proxy's business, and said by AUTOPACK_BEHIND_TLS.
        proxy_headers=settings.AUTOPACK_BEHIND_TLS,
    )
