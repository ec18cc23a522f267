"""Where uploads go: options before ours before PostHog's, and no key is ever shown."""

from __future__ import annotations

import click
import pytest

from symbolicate.commands.upload_target import Target, read_target

OURS = {"SYMBOLICATE_API_KEY": "k1", "SYMBOLICATE_HOST": "http://h1", "SYMBOLICATE_PROJECT": "1"}
THEIRS = {
    "POSTHOG_CLI_API_KEY": "k2",
    "POSTHOG_CLI_HOST": "http://h2",
    "POSTHOG_CLI_PROJECT_ID": "2",
}
LEGACY = {"POSTHOG_CLI_TOKEN": "k3", "POSTHOG_CLI_HOST": "http://h3", "POSTHOG_CLI_ENV_ID": "3"}


@pytest.mark.parametrize(
    ("environment", "for_plugin", "expected"),
    [
        pytest.param(OURS, False, Target("http://h1", "1", "k1"), id="ours"),
        pytest.param(THEIRS, False, Target("http://h2", "2", "k2"), id="PostHog's"),
        pytest.param(LEGACY, False, Target("http://h3", "3", "k3"), id="PostHog's old ones"),
        pytest.param(LEGACY | THEIRS, False, Target("http://h2", "2", "k2"), id="new before old"),
        pytest.param(THEIRS | OURS, False, Target("http://h1", "1", "k1"), id="ours first"),
        pytest.param(OURS | THEIRS, True, Target("http://h2", "2", "k2"), id="a plugin's first"),
        pytest.param(OURS, True, Target("http://h1", "1", "k1"), id="ours for a plugin"),
        pytest.param(
            {**THEIRS, "SYMBOLICATE_API_KEY": " "},
            False,
            Target("http://h2", "2", "k2"),
            id="blank",
        ),
    ],
)
def test_the_environment_is_read_in_order(
    environment: dict[str, str], for_plugin: bool, expected: Target
) -> None:
    assert read_target(environment, for_plugin=for_plugin) == expected


def test_an_option_wins() -> None:
    assert read_target(OURS, "https://h9/", "@current") == Target("https://h9", "@current", "k1")


@pytest.mark.parametrize("project", ["7", "@current"])
def test_the_address_of_the_api_is_the_projects(project: str) -> None:
    target = read_target(OURS, "https://h/sub/", project)
    assert target.api == f"https://h/sub/api/projects/{project}/error_tracking"


def test_everything_missing_is_named_at_once() -> None:
    with pytest.raises(click.UsageError) as caught:
        read_target({})
    assert caught.value.exit_code == 2
    for name in ("SYMBOLICATE_API_KEY", "--host", "SYMBOLICATE_HOST", "--project"):
        assert name in caught.value.message


@pytest.mark.parametrize(
    ("for_plugin", "said"),
    [
        (False, "no host: set --host or SYMBOLICATE_HOST or POSTHOG_CLI_HOST"),
        (True, "no host: set POSTHOG_CLI_HOST or SYMBOLICATE_HOST"),
    ],
)
def test_only_options_that_the_command_has_are_named(for_plugin: bool, said: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        read_target({**OURS, "SYMBOLICATE_HOST": ""}, for_plugin=for_plugin)
    assert caught.value.message == said


@pytest.mark.parametrize("key", ["two words", "line\nend", "é"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        read_target({**OURS, "SYMBOLICATE_API_KEY": key})
    assert key not in caught.value.message


@pytest.mark.parametrize("host", ["symbols.test", "ftp://h", "http://", "http://me:pass@h"])
def test_a_host_is_a_web_address(host: str) -> None:
    with pytest.raises(click.UsageError, match="is not like"):
        read_target(OURS, host)


def test_the_key_is_never_shown() -> None:
    target = read_target({**OURS, "SYMBOLICATE_API_KEY": "phx_secret"})
    assert "phx_secret" not in repr(target)
    assert target.without_key("Bearer phx_secret?") == "Bearer …?"
