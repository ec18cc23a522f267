"""The base64 VLQ alphabet as one lookup table."""

from __future__ import annotations

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
COMMA, SEMICOLON, INVALID = 64, 65, 255


def _digits() -> bytes:
    table = bytearray([INVALID]) * 256
    for digit, byte in enumerate(ALPHABET):
        table[byte] = digit
    table[ord(",")] = COMMA
    table[ord(";")] = SEMICOLON
    return bytes(table)


DIGITS = _digits()
"""For `bytes.translate`: 0-63 digits (32-63: more follow), 64 and 65 separators, 255 invalid."""
