"""HTTP/1.1 as uvicorn speaks it, with four things added.

What is no HTTP is refused in JSON like everything else; a head must arrive in time, so that clients who
send a byte now and then do not stay for ever; only so many may be connected; and a server that was told to
stop does not wait long for what has yet to be sent.
"""

import asyncio
import sys
from http import HTTPStatus
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from graft.apps.serve.metrics import REFUSED, Metrics
from graft.apps.serve.problems import ProblemError, busy
from graft.apps.serve.security import HEADERS

LINGER = 1.0
"""Seconds for which a refused client may go on sending: closed at once, it would not get its answer."""


class Http(H11Protocol):
    """A connection, whose subclass sets what follows.

    Attributes:
        head_timeout: seconds until the head of a request must be here.
        grace: seconds that a body may still take when the server is told to stop.
        max_connections: clients connected at once.
        metrics: where refusals are counted.
    """

    head_timeout: ClassVar[float]
    grace: ClassVar[float]
    max_connections: ClassVar[int]
    metrics: ClassVar[Metrics]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, or turn the client away."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse(busy(f"{self.max_connections} clients are connected, and no more may be; try again"))
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the client was refused: then what still comes is dropped."""
        if not self._refused:
            super().data_received(data)
            self._watch()

    def shutdown(self) -> None:
        """Answer what is under way and no more; what is not here a little later is refused."""
        super().shutdown()
        self.loop.call_later(self.grace, self._stop)

    def send_400_response(self, msg: str) -> None:
        """Refuse what h11, whose exception is being handled, cannot read."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._refuse(ProblemError(status, f"this is no HTTP/1.1: {error or msg}"[:300]))

    @property
    def _busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self._busy or self._refused:
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout, self._late)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if self._busy or self.transport.is_closing():
            return
        if self.conn.trailing_data[0]:
            self._refuse(ProblemError(408, f"the head of a request did not arrive within {self.head_timeout:g} s"))
        else:  # connected and silent, as browsers do in advance: there is nothing to answer
            self.transport.close()

    def _stop(self) -> None:
        if self._busy and self.cycle.more_body and not self.transport.is_closing():
            self._refuse(busy("the server is being stopped, and the body is not here yet"))

    def _refuse(self, problem: ProblemError) -> None:
        self._refused = True
        self._stop_watching()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # half an answer is out already
            self.transport.close()
            return
        answer = problem.response()
        if self._busy:
            scope: Any = self.cycle.scope  # a dictionary that may hold more than uvicorn's type of it says
            scope[REFUSED] = answer.status_code
        else:
            self.metrics.refused(answer.status_code)
        if self.cycle is not None:
            self.cycle.disconnected = True  # the app must not answer too
            self.cycle.message_event.set()
        headers = [*answer.raw_headers, (b"connection", b"close")]
        headers += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        reason = HTTPStatus(answer.status_code).phrase.encode()
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers, reason=reason),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)
