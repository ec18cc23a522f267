"""Commands that work offline, on local files alone."""
