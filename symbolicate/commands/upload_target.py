"""Where uploads go and with which key, read from options and the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import click

KEY = ("SYMBOLICATE_API_KEY", "POSTHOG_CLI_API_KEY", "POSTHOG_CLI_TOKEN")
HOST = ("SYMBOLICATE_HOST", "POSTHOG_CLI_HOST")
PROJECT = ("SYMBOLICATE_PROJECT", "POSTHOG_CLI_PROJECT_ID", "POSTHOG_CLI_ENV_ID")
_OURS = "SYMBOLICATE_"
_KEY_TEXT = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A server, one of its projects, and the key that opens it, which is never shown."""

    host: str
    project: str
    key: str = field(repr=False)

    @property
    def api(self) -> str:
        """The address below which the routes of error tracking lie."""
        return f"{self.host}/api/projects/{quote(self.project, safe='@')}/error_tracking"

    def without_key(self, text: str) -> str:
        """Gives text that may be shown, whoever wrote it."""
        return text.replace(self.key, "…")


def read_target(
    environment: Mapping[str, str],
    host: str | None = None,
    project: str | None = None,
    *,
    for_plugin: bool = False,
) -> Target:
    """Reads where to upload to; raises `click.UsageError` that names everything missing.

    An option wins over the environment, and a variable of ours over PostHog's; for a plugin,
    which sets PostHog's from its own configuration, those come first.
    """

    def read(names: tuple[str, ...]) -> str:
        ordered = sorted(names, key=lambda name: name.startswith(_OURS)) if for_plugin else names
        return next((text for name in ordered if (text := environment.get(name, "").strip())), "")

    def names(variables: tuple[str, ...], option: str | None = None) -> str:
        ours, theirs = variables[:2]
        known = [theirs, ours] if for_plugin else [option, ours, theirs]
        return " or ".join(filter(None, known))

    found = {
        f"API key: set {names(KEY)}": read(KEY),
        f"host: set {names(HOST, '--host')}": host or read(HOST),
        f"project: set {names(PROJECT, '--project')}": project or read(PROJECT),
    }
    missing = [f"no {what}" for what, text in found.items() if not text]
    if missing:
        raise click.UsageError("; ".join(missing))
    key, host, project = found.values()
    if not _KEY_TEXT.fullmatch(key):
        raise click.UsageError("the API key holds characters that no key has")
    return Target(_checked_host(host), project, key)


def _checked_host(host: str) -> str:
    address = urlsplit(host)
    if address.scheme not in ("http", "https") or not address.hostname or "@" in address.netloc:
        raise click.UsageError(f"the host {host!r} is not like https://symbols.example.com")
    return f"{address.scheme}://{address.netloc}{address.path.rstrip('/')}"
