"""What an operator decides in the console: promote a candidate, go back to a state, say that an alarm is seen to.

Each is the same act as its command, in one transaction; the forms are shown to nobody who may not.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy.keep.alarms import clear_alarms
from roadworthy.keep.gates import gates
from roadworthy.run.promotion import apply_promotion, go_back
from roadworthy.serve.body import read_form
from roadworthy.serve.console.session import SeesAll, Visit
from roadworthy.serve.problem import Problem
from roadworthy.serve.service import Service

_NOTE_CHARS_MAX: Final = 2_000
_NUMBER_MAX: Final = 2**63


def add_deciding(http: FastAPI, service: Service) -> None:
    """The routes of what an operator decides."""
    store, app = service.runtime.store, service.runtime.plan.name

    @http.post("/versions/promote/{gate}", include_in_schema=False)
    async def promote(gate: int, _visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        known = store.read(lambda tx: {one.id: one for one in gates(tx, app)})
        if gate not in known:
            raise Problem(HTTPStatus.NOT_FOUND, "No candidate has this number.")
        test = known[gate].test
        try:
            state = await store.write(lambda tx: apply_promotion(tx, app, gate))
        except WrongUse as error:
            return _back("/versions", str(error))
        except LedgerUnavailable:
            return _back("/versions", "Someone else advanced the state meanwhile. Nothing was changed.")
        return _back(
            "/versions",
            f"State {state}: {test.new} is the version of {test.step} that runs. Put its code into the app's file.",
        )

    @http.post("/versions/back/{number}", include_in_schema=False)
    async def back(number: int, _visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        if not 0 <= number < _NUMBER_MAX:
            raise Problem(HTTPStatus.NOT_FOUND, "No state has this number.")
        try:
            state = await store.write(lambda tx: go_back(tx, app, number))
        except WrongUse as error:
            return _back("/versions", str(error))
        except LedgerUnavailable:
            return _back("/versions", "Someone else advanced the state meanwhile. Nothing was changed.")
        return _back("/versions", f"State {state.number}: {state.why}.")

    @http.post("/alarms/clear", include_in_schema=False)
    async def clear(request: Request, visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        form = await read_form(request, service.runtime.settings)
        step, words = form.get("step", ""), form.get("note", "")[:_NOTE_CHARS_MAX]
        await store.write(lambda tx: clear_alarms(tx, app, step, visit.caller.name, words))
        service.look_now()
        return _back("/", "")


def _back(where: str, said: str) -> Response:
    return RedirectResponse(f"{where}?said={quote(said[:400])}" if said else where, HTTPStatus.SEE_OTHER)
