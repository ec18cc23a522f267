"""A worker with a fault on purpose, to show that the promise's check can fail.

`early-ack` takes a message off the queue before anything is done with it; `double-write` forgets
that it has seen an event.
"""

from __future__ import annotations

import sys
from typing import Any

from symbolicate.broker.nats import NatsBroker, NatsDelivery
from symbolicate.cli import main
from symbolicate.database import processed_events


def plant_early_ack() -> None:
    """Acknowledges what is pulled at once."""
    pull = NatsBroker.pull
    done: Any = NatsDelivery.done

    async def pulled(self: NatsBroker, most: int, seconds: float) -> Any:
        deliveries = await pull(self, most, seconds)
        for one in deliveries:
            await done(one)
        return deliveries

    async def nothing(*_given: Any) -> None:
        pass

    replaced: Any = NatsBroker
    replaced.pull = pulled
    for name in ("alive", "done", "again"):
        setattr(NatsDelivery, name, nothing)


def plant_double_write() -> None:
    """Lets no event be recognised as one that was processed before."""
    find, add = processed_events.find, processed_events.add

    def added(connection: Any, team_id: int, verdicts: Any, now: Any) -> None:
        known = find(connection, team_id, list(verdicts))
        new = {key: verdict for key, verdict in verdicts.items() if key not in known}
        if new:
            add(connection, team_id, new, now)

    def forgotten(*_given: Any) -> dict[bytes, Any]:
        return {}

    replaced: Any = processed_events
    replaced.find, replaced.add = forgotten, added


if __name__ == "__main__":
    {"early-ack": plant_early_ack, "double-write": plant_double_write}[sys.argv.pop(1)]()
    main()
