"""The main job's figures: frames per second of `process`, and what `batch_get` costs a server.

`python benchmarks/main_job.py` prints the tables of `benchmarks/README.md`.
"""

from __future__ import annotations

import batch_get_cost
import process_rate


def main() -> None:
    """Prints both tables."""
    process_rate.main()
    print()
    batch_get_cost.main()


if __name__ == "__main__":
    main()
