"""The form of an upload, read as it arrives: text parts, then the part `file`.

Format: multipart/form-data (RFC 7578) as S3's POST policy takes it; parts after `file` are
ignored. Parts, their headers and their text are bounded whatever the client sends.
"""

from __future__ import annotations

from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .errors import ApiError, parse_error, too_large

MAX_PARTS = 64
MAX_HEADER_BYTES = 8 * 1024
MAX_TEXT_BYTES = 64 * 1024

FILE = "file"


class UploadForm:
    """Takes a body piece by piece and hands the file's bytes on; keeps nothing else but texts."""

    def __init__(self, content_type: str, max_file_bytes: int) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            detail = "An upload is multipart/form-data with a boundary."
            raise ApiError(415, "unsupported_media_type", detail)
        self.texts: dict[str, bytearray] = {}
        self.file_bytes: int | None = None
        self._max_file_bytes = max_file_bytes
        self._parts = self._text_bytes = self._header_bytes = 0
        self._header = (bytearray(), bytearray())
        self._part: str | None = None
        self._file = bytearray()
        self._ended = False
        self._parser = self._make_parser(boundary)

    def feed(self, data: bytes) -> bytes:
        """Reads on and gives the bytes of the file that came to light."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise parse_error(f"Form parse error - {error}") from None
        found = bytes(self._file)
        self._file.clear()
        return found

    def finish(self) -> None:
        """Raises the error of a form that ended early or held no file."""
        if not self._ended:
            raise parse_error("Form parse error - it ends before its last boundary")
        if self.file_bytes is None:
            raise parse_error("Form parse error - it has no part named file")

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._read_header_name,
                    "on_header_value": self._read_header_value,
                    "on_header_end": self._end_header,
                    "on_part_data": self._read_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise parse_error(f"Form parse error - {error}") from None

    def _begin_part(self) -> None:
        self._parts += 1
        self._require("form_parts", self._parts, MAX_PARTS)
        self._header_bytes = 0
        self._part = None

    def _read_header_name(self, data: bytes, start: int, end: int) -> None:
        self._read_header(0, data[start:end])

    def _read_header_value(self, data: bytes, start: int, end: int) -> None:
        self._read_header(1, data[start:end])

    def _read_header(self, side: int, piece: bytes) -> None:
        self._header_bytes += len(piece)
        self._require("part_header_bytes", self._header_bytes, MAX_HEADER_BYTES)
        self._header[side].extend(piece)

    def _end_header(self) -> None:
        name, value = (bytes(side) for side in self._header)
        for side in self._header:
            side.clear()
        if name.strip().lower() == b"content-disposition":
            self._name_part(value.decode("latin-1"))

    def _name_part(self, disposition: str) -> None:
        _, options = parse_options_header(disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if self.file_bytes is not None:
            self._part = None
        else:
            self._part = name
            if name == FILE:
                self.file_bytes = 0

    def _read_part(self, data: bytes, start: int, end: int) -> None:
        if self._part == FILE:
            self.file_bytes = (self.file_bytes or 0) + end - start
            self._require("file_bytes", self.file_bytes, self._max_file_bytes)
            self._file += data[start:end]
        elif self._part is not None:
            self._text_bytes += end - start
            self._require("form_text_bytes", self._text_bytes, MAX_TEXT_BYTES)
            self.texts.setdefault(self._part, bytearray()).extend(data[start:end])

    def _end(self, *_: Any) -> None:
        self._ended = True

    def _require(self, limit: str, seen: int, allowed: int) -> None:
        if seen > allowed:
            raise too_large(limit, seen, allowed)
