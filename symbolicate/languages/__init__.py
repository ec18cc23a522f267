"""One module per platform: raw frame to position, position to frames."""
