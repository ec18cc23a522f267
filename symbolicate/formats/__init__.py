"""sans-IO parsers and compilers: bytes and positions in, values out."""
