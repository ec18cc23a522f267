"""Raw frames as SDKs send them: one class a platform, and the border where they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec

from symbolicate import identity
from symbolicate.images import Address, DebugImage, match
from symbolicate.json_text import prepared

U32 = Annotated[int, msgspec.Meta(ge=0, le=4_294_967_295)]
Fields = tuple[str | int | bool | list[str] | None, ...]


class RawFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What every raw frame carries; `identity` lists the fields that its raw id hashes."""

    platform: ClassVar[str] = ""
    in_app: bool = True
    synthetic: bool = False

    def identity(self) -> Fields:
        """Gives the platform's own fields in the order of the raw id."""
        raise TypeError("a raw frame of no platform has no identity")


class WithContext(RawFrame, frozen=True, kw_only=True):
    """A raw frame with the source lines that the client read: file order unless said otherwise."""

    context_line: str | None = None
    pre_context: list[str] = []
    post_context: list[str] = []


class WebFrame(RawFrame, frozen=True, kw_only=True):
    """A browser's frame; line and column are 1-based and a location needs both."""

    platform: ClassVar[str] = "web:javascript"
    function: str
    filename: str | None = None
    lineno: U32 | None = None
    colno: U32 | None = None
    chunk_id: str | None = None

    @property
    def located(self) -> bool:
        return self.lineno is not None and self.colno is not None

    def identity(self) -> Fields:
        line, column = (self.lineno, self.colno) if self.located else (None, None)
        return self.function, self.filename, line, column, self.chunk_id


class NodeFrame(WithContext, frozen=True, kw_only=True):
    """A Node.js frame; line and column are 1-based."""

    platform: ClassVar[str] = "node:javascript"
    filename: str
    function: str
    lineno: U32 | None = None
    colno: U32 | None = None
    module: str | None = None
    chunk_id: str | None = None

    @property
    def located(self) -> bool:
        return self.lineno is not None and self.colno is not None

    def identity(self) -> Fields:
        place = (self.function, self.filename, self.lineno, self.colno, self.module)
        return *place, self.context_line, self.pre_context, self.post_context, self.chunk_id


class HermesFrame(RawFrame, frozen=True, kw_only=True):
    """A Hermes frame; `colno` is the 0-based bytecode offset and there is no line."""

    platform: ClassVar[str] = "hermes"
    filename: str
    function: str
    colno: U32 | None = None
    chunk_id: str | None = None

    def identity(self) -> Fields:
        return self.function, self.filename, self.colno, self.chunk_id


class PythonFrame(WithContext, frozen=True, kw_only=True):
    """A Python frame; `code_variables` is no part of its identity."""

    platform: ClassVar[str] = "python"
    filename: str
    function: str
    abs_path: str | None = None
    lineno: U32 | None = None
    module: str | None = None
    code_variables: Any = None

    def identity(self) -> Fields:
        place = (self.function, self.filename, self.abs_path, self.lineno, self.module)
        return *place, self.context_line, self.pre_context, self.post_context, None


class RubyFrame(WithContext, frozen=True, kw_only=True):
    """A Ruby frame."""

    platform: ClassVar[str] = "ruby"
    filename: str
    function: str
    abs_path: str | None = None
    lineno: U32 | None = None

    def identity(self) -> Fields:
        place = (self.function, self.filename, self.abs_path, self.lineno)
        return *place, self.context_line, self.pre_context, self.post_context


class PhpFrame(WithContext, frozen=True, kw_only=True):
    """A PHP frame; nothing in it is required."""

    platform: ClassVar[str] = "php"
    filename: str | None = None
    function: str | None = None
    abs_path: str | None = None
    lineno: U32 | None = None

    def identity(self) -> Fields:
        place = (self.function, self.filename, self.abs_path, self.lineno)
        return *place, self.context_line, self.pre_context, self.post_context


class GoFrame(RawFrame, frozen=True, kw_only=True):
    """A Go frame."""

    platform: ClassVar[str] = "go"
    filename: str
    function: str
    lineno: U32

    def identity(self) -> Fields:
        return self.function, self.filename, self.lineno


class JavaFrame(WithContext, frozen=True, kw_only=True):
    """An Android or JVM frame; `module` is the fully qualified class."""

    platform: ClassVar[str] = "java"
    function: str
    module: str
    filename: str | None = None
    lineno: U32 | None = None
    map_id: str | None = None
    method_synthetic: bool = False

    def identity(self) -> Fields:
        place = (self.function, self.filename, self.lineno, self.module, self.map_id)
        lines = (self.context_line, self.pre_context, self.post_context)
        return *place, self.method_synthetic, *lines


class DartFrame(RawFrame, frozen=True, kw_only=True):
    """A Dart frame."""

    platform: ClassVar[str] = "dart"
    abs_path: str
    filename: str | None = None
    function: str | None = None
    lineno: U32 | None = None
    colno: U32 | None = None
    package: str | None = None

    def identity(self) -> Fields:
        place = (self.function, self.filename, self.lineno, self.colno)
        return *place, self.abs_path, self.package


class CustomFrame(WithContext, frozen=True, kw_only=True):
    """A frame of a language of the client's own; its `pre_context` is nearest line first."""

    platform: ClassVar[str] = "custom"
    lang: str
    function: str
    filename: str | None = None
    lineno: U32 | None = None
    colno: U32 | None = None
    module: str | None = None
    resolved: bool = False

    def identity(self) -> Fields:
        place = (self.function, self.filename, self.lang, self.lineno, self.colno, self.module)
        return *place, self.context_line, self.pre_context, self.post_context, self.resolved


class MachineFrame(RawFrame, frozen=True, kw_only=True):
    """What Apple and native frames share; addresses are hex texts as sent."""

    instruction_addr: str | None = None
    symbol_addr: str | None = None
    image_addr: str | None = None
    module: str | None = None
    function: str | None = None
    filename: str | None = None
    lineno: U32 | None = None
    colno: U32 | None = None
    address: Address | None = None

    def identity(self) -> Fields:
        if self.address is not None:
            where: Fields = ("image", self.address.debug_id, f"{self.address.relative:#x}")
        else:
            where = ("addr", self.instruction_addr, self.image_addr)
        return *where, self.function, self.filename, self.lineno, self.colno, self.module


class AppleFrame(MachineFrame, frozen=True, kw_only=True):
    """A frame of an Apple platform."""

    platform: ClassVar[str] = "apple"
    image_uuid: str | None = None


class NativeFrame(MachineFrame, frozen=True, kw_only=True):
    """A frame of a native program."""

    platform: ClassVar[str] = "native"
    lang: str | None = None
    client_resolved: bool = False
    inline: bool = False

    def identity(self) -> Fields:
        return *MachineFrame.identity(self), self.lang, self.client_resolved, self.inline


_KINDS: tuple[type[RawFrame], ...] = (
    WebFrame,
    NodeFrame,
    HermesFrame,
    PythonFrame,
    RubyFrame,
    PhpFrame,
    GoFrame,
    JavaFrame,
    DartFrame,
    CustomFrame,
    AppleFrame,
    NativeFrame,
)
PLATFORMS = {kind.platform: prepared(kind) for kind in _KINDS} | {
    "javascript": WebFrame,
    "rust": NativeFrame,
}


class Submission(msgspec.Struct, frozen=True):
    """One raw frame as it came in: the cleaned dict, what was read from it, and its hash.

    `frame` is None when the tag is unknown (`malformed` false) or the frame does not fit its tag
    (`malformed` true).
    """

    raw: dict[str, Any]
    tag: str
    frame: RawFrame | None
    malformed: bool
    hash: bytes


def read_raw_frame(
    raw: Any, images: Sequence[DebugImage] = (), address: Address | None = None
) -> Submission:
    """Reads one raw frame whose strings are clean; never raises for what a client sends.

    An `address` that was matched earlier stands in for the images.
    """
    if not isinstance(raw, dict):
        return _unread({"value": raw}, "", malformed=True)
    tag = raw.get("platform")
    if not isinstance(tag, str):
        return _unread(raw, "", malformed=True)
    kind = PLATFORMS.get(tag)
    if kind is None:
        return _unread(raw, tag, malformed=False)
    accepted = _accepted(raw)
    if issubclass(kind, MachineFrame):
        accepted = {**accepted, "address": address or match(raw, images)}
    try:
        frame = msgspec.convert(accepted, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return _unread(raw, tag, malformed=True)
    fields = (frame.in_app, frame.synthetic, *frame.identity())
    return Submission(raw, kind.platform, frame, False, identity.hash_fields(kind.platform, fields))


def _accepted(raw: dict[str, Any]) -> dict[str, Any]:
    """Resolves the alias `chunkId` and drops nulls, which mean absent."""
    if "chunkId" in raw and raw.get("chunk_id") is None:
        raw = {**raw, "chunk_id": raw["chunkId"]}
    if None in raw.values():
        return {key: value for key, value in raw.items() if value is not None}
    return raw


def _unread(raw: dict[str, Any], tag: str, *, malformed: bool) -> Submission:
    in_app, synthetic = raw.get("in_app") is not False, raw.get("synthetic") is True
    digest = identity.hash_other(tag, in_app, synthetic, raw)
    return Submission(raw, tag, None, malformed, digest)
