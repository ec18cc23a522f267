"""Commands on local files: offline, or to upload them."""
