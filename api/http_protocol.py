"""The HTTP/1.1 protocol of the server, with a bound on what comes before a body."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses a request whose line and headers do not end within `MAX_HEAD_BYTES`.

    httptools alone collects headers as long as they come; h11, which serves where httptools is
    not installed, has a bound of its own.
    """

    _head_bytes: int | None = None

    def data_received(self, data: bytes) -> None:
        """Reads on; closes the connection once the head is too long."""
        super().data_received(data)
        if self._head_bytes is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The request's head is too long.")

    def on_message_begin(self) -> None:
        """Starts to count."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> Any:
        """Stops counting."""
        self._head_bytes = None
        return super().on_headers_complete()
