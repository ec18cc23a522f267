"""Which language explains a frame."""

from __future__ import annotations

from symbolicate.languages.hermes import Hermes
from symbolicate.languages.java import Java
from symbolicate.languages.language import Language
from symbolicate.languages.native import Native
from symbolicate.languages.node_javascript import NodeJavaScript
from symbolicate.languages.pass_through import PassThrough, custom, dart, go, php, ruby
from symbolicate.languages.python import Python
from symbolicate.languages.unsupported import Unsupported
from symbolicate.languages.web_javascript import WebJavaScript
from symbolicate.raw_frame import (
    CustomFrame,
    DartFrame,
    GoFrame,
    HermesFrame,
    JavaFrame,
    NativeFrame,
    NodeFrame,
    PhpFrame,
    PythonFrame,
    RubyFrame,
    Submission,
    WebFrame,
)

_LANGUAGES: dict[str, Language] = {
    WebFrame.platform: WebJavaScript(),
    NodeFrame.platform: NodeJavaScript(),
    HermesFrame.platform: Hermes(),
    PythonFrame.platform: Python(),
    RubyFrame.platform: PassThrough(ruby),
    PhpFrame.platform: PassThrough(php),
    GoFrame.platform: PassThrough(go),
    DartFrame.platform: PassThrough(dart),
    CustomFrame.platform: PassThrough(custom),
    JavaFrame.platform: Java(),
    NativeFrame.platform: Native(),
}
_UNSUPPORTED: Language = Unsupported()

RESOLVER_VERSION = _UNSUPPORTED.version + sum(each.version for each in _LANGUAGES.values())
"""Rises with each language's version and with each language added; frame rows carry it."""


def language_of(submission: Submission) -> Language:
    """Gives the language of a frame; one that no platform could read is unsupported."""
    if submission.frame is None:
        return _UNSUPPORTED
    return _LANGUAGES.get(submission.tag, _UNSUPPORTED)
