"""Object stores: where the bytes of symbol sets live."""
