"""What every endpoint works with: the engine, the drives of this process, and how requests are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from engine.api import Engine
from engine.serve.bodies import read_body
from engine.serve.drives import Drives
from engine.serve.frames import dumps
from engine.serve.payers import Payers
from engine.serve.streaming import Leaving
from schemas.errors import RequestError, RequestTooLargeError
from schemas.plan import Plan
from schemas.result import Record

B = TypeVar("B", bound=Record)
_BODY_S = 30.0


class Json(JSONResponse):
    """JSON as the events are written."""

    def render(self, content: Any) -> bytes:
        """Return the bytes."""
        return dumps(content)


@dataclass(frozen=True, slots=True)
class Desk:
    """The engine and what surrounds it.

    Attributes:
        engine: Whose runs are served.
        drives: Drives accepted runs, where this process does.
        leaving: Ends what takes long when the server stops.
        body_bytes: The largest body.
        payers: The keys that runs count to.
    """

    engine: Engine
    drives: Drives
    leaving: Leaving
    body_bytes: int
    payers: Payers

    def plan(self, given: Any, *, checked: bool = True) -> Plan | None:
        """Return a plan that a client gave, in any format. Raises PlanError for one that cannot be read or run."""
        if given is None:
            return None
        text = given if isinstance(given, str) else json.dumps(given)
        return self.engine.load(text, checked=checked)[0]

    async def body(self, request: Request, model: type[B]) -> B:
        """Return a request's body as a model.

        Raises:
            RequestError: It is no JSON, too large, wrong in a field, or does not come.
        """
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise RequestError(f"the body is {kind}", hint="send application/json")
        return read_body(await self.raw(request), model)

    async def raw(self, request: Request) -> bytes:
        """Return a request's body as it came. Raises RequestError: too large, or it does not come."""
        body = bytearray()
        try:
            with anyio.fail_after(_BODY_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self.body_bytes:
                        raise RequestTooLargeError(f"the body is larger than {self.body_bytes:,} bytes")
        except TimeoutError:
            raise RequestError(f"the body did not come within {_BODY_S:g} s") from None
        except ClientDisconnect:
            raise RequestError("the client left before its request was there") from None
        return bytes(body)


def run_of(request: Request) -> str:
    """Return the run that a request's address names."""
    return str(request.path_params["run_id"])
