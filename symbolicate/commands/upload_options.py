"""The options of every command that uploads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from symbolicate.commands.uploader import UploadOptions

MOST_AT_ONCE = 64

F = TypeVar("F", bound=Callable[..., Any])

FORCE = click.option(
    "--force", is_flag=True, help="Replace what is stored under the same chunk id."
)
SKIP_ON_CONFLICT = click.option(
    "--skip-on-conflict", is_flag=True, help="Keep what is stored under the same id."
)
DELETE_AFTER = click.option(
    "--delete-after", is_flag=True, help="Delete each map once the server confirmed it."
)


def concurrency_option(default: int) -> Callable[[F], F]:
    """Makes the option that says how many uploads go on at once."""
    return click.option(
        "--concurrency",
        type=click.IntRange(1, MOST_AT_ONCE),
        default=default,
        show_default=True,
        metavar="N",
        help="Uploads at once.",
    )


def check_options(options: UploadOptions) -> None:
    """Raises `click.UsageError` for options that contradict each other."""
    if options.force and options.skip_on_conflict:
        raise click.UsageError("--force or --skip-on-conflict, not both")
