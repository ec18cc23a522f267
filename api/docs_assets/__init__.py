"""The files of the page at `/docs`."""
