"""Which language explains a frame."""

from __future__ import annotations

from symbolicate.languages.hermes import Hermes
from symbolicate.languages.language import Language
from symbolicate.languages.node_javascript import NodeJavaScript
from symbolicate.languages.python import Python
from symbolicate.languages.unsupported import Unsupported
from symbolicate.languages.web_javascript import WebJavaScript
from symbolicate.raw_frame import HermesFrame, NodeFrame, PythonFrame, Submission, WebFrame

_LANGUAGES: dict[str, Language] = {
    WebFrame.platform: WebJavaScript(),
    NodeFrame.platform: NodeJavaScript(),
    HermesFrame.platform: Hermes(),
    PythonFrame.platform: Python(),
}
_UNSUPPORTED: Language = Unsupported()

RESOLVER_VERSION = _UNSUPPORTED.version + sum(each.version for each in _LANGUAGES.values())
"""Rises with each language's version and with each language added; frame rows carry it."""


def language_of(submission: Submission) -> Language:
    """Gives the language of a frame; one that no platform could read is unsupported."""
    if submission.frame is None:
        return _UNSUPPORTED
    return _LANGUAGES.get(submission.tag, _UNSUPPORTED)
