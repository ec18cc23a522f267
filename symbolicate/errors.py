"""Infrastructure exceptions and the errors of parsers that are handed a bad file.

    SymbolicateError
    ├── Unavailable                 a dependency is out of reach: try again later
    │   ├── BrokerUnavailable
    │   ├── DatabaseUnavailable
    │   └── ObjectStoreUnavailable
    ├── ObjectMissing               the object store answers: there is no such object
    ├── CorruptObject               the object's bytes differ from the hash recorded at upload
    ├── Refused                     a request of a management client that cannot be granted
    │   └── NotFound
    └── FormatError                 a file that cannot be read, with a stable `.code`
        ├── ContainerError
        ├── NativeSymbolsError
        └── SourceMapError
            ├── MapTooComplex       a limit was passed: `.limit`, `.seen`, `.allowed`
            └── CorruptCache        a damaged compiled file

What the data itself says (no symbol set, nothing at that position, …) is never an exception:
it is a `Failure` value, see `outcome`.
"""

from __future__ import annotations


class SymbolicateError(Exception):
    """Base of everything this package raises on purpose."""


class Unavailable(SymbolicateError):
    """A dependency is out of reach; the same call may succeed later."""

    dependency = "dependency"


class BrokerUnavailable(Unavailable):
    """The broker did not answer, or did not take a message."""

    dependency = "broker"


class DatabaseUnavailable(Unavailable):
    """The database did not answer, or refused for a reason that passes."""

    dependency = "database"


class ObjectStoreUnavailable(Unavailable):
    """The object store did not answer within its time limits, or answered with a server error."""

    dependency = "object store"


class ObjectMissing(SymbolicateError):
    """The object store answers and holds no object under this key."""


class CorruptObject(SymbolicateError):
    """The bytes in the object store differ from the hash that was recorded of them."""


class Refused(SymbolicateError):
    """A management request that cannot be granted; becomes one error envelope over HTTP.

    `code` is stable, `detail` is the sentence for people, `attr` names the field at fault.
    """

    def __init__(self, code: str, detail: str, attr: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.attr = attr


class NotFound(Refused):
    """The named thing does not exist for this team."""

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__("not_found", detail)


class FormatError(SymbolicateError):
    """A file that cannot be read; `code` is one of the failure codes of `outcome`."""

    def __init__(self, message: str, code: str = "malformed") -> None:
        super().__init__(message)
        self.code = code
        self.limit: str | None = None
        self.seen: int | None = None
        self.allowed: int | None = None

    def passed(self, limit: str, seen: int, allowed: int) -> FormatError:
        """Records which limit was passed, what was seen and what is allowed; returns self."""
        self.code = "limit_exceeded"
        self.limit, self.seen, self.allowed = limit, seen, allowed
        return self


def limit_sentence(limit: str, seen: int, allowed: int) -> str:
    """Says which limit was passed, how much was seen and how much is allowed."""
    return f"{limit} of {seen} exceeds the limit of {allowed}"


class ContainerError(FormatError):
    """A symbol set container that cannot be read to its end."""


class NativeSymbolsError(FormatError):
    """A debug file that cannot be read."""


class SourceMapError(FormatError):
    """A source map that cannot be read."""


class MapTooComplex(SourceMapError):
    """A source map passes a limit that is enforced before memory is allocated."""

    def __init__(self, limit: str, seen: int, allowed: int) -> None:
        super().__init__(limit_sentence(limit, seen, allowed))
        self.passed(limit, seen, allowed)


class CorruptCache(SourceMapError):
    """A compiled file is damaged, or is not one."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "corrupt_cache")
