"""The HTTP API of symbolicate."""
