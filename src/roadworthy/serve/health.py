"""Whether the service is up, whether it takes work, and what it measures."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Response
from fastapi.responses import JSONResponse

from roadworthy._errors import LedgerUnavailable
from roadworthy.observe.metrics import CONTENT_TYPE, Metrics
from roadworthy.serve.caller import Caller, MayOperate
from roadworthy.serve.problem import Problem
from roadworthy.serve.service import Service


def add_health(http: FastAPI, service: Service, metrics: Metrics) -> None:
    """The routes that machines ask."""

    @http.get("/healthz", tags=["health"])
    async def alive() -> dict[str, str]:
        """The process answers; nothing else is looked at."""
        return {"status": "ok"}

    @http.get("/readyz", tags=["health"])
    async def ready() -> Response:
        """Whether a record that is sent now would be taken: not while ending, not while the ledger is away."""
        if service.draining:
            return JSONResponse({"status": "ending"}, HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            service.runtime.store.read(lambda tx: tx.row("queue_length", app=service.runtime.plan.name))
        except LedgerUnavailable:
            return JSONResponse({"status": "the ledger is away"}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ok"})

    @http.get("/metrics", tags=["health"])
    async def scraped(caller: Annotated[Caller, Depends(MayOperate)]) -> Response:
        """For Prometheus: figures of the whole app, so a key of one namespace does not open it."""
        if caller.namespace:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "The metrics are the whole app's, and this key belongs to a namespace. Use a key without one.",
            )
        metrics.in_work.set(service.in_work)
        return Response(metrics.page(), media_type=CONTENT_TYPE)
