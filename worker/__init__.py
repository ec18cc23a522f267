"""The background worker of symbolicate."""
