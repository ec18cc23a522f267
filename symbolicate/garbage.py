"""The garbage collector of a program that does nothing but this."""

from __future__ import annotations

import gc

YOUNG = 50_000


def settle() -> None:
    """Lets what lives now live on, and a batch of frames be born and die between two collections.

    For programs of ours, once they have started; an embedding program decides for itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)
