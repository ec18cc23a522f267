"""`spike_detection_config`: what a team calls a spike."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from symbolicate.json_text import encode

from .auth import Reader, Writer
from .bodies import read_object
from .routes import Answers, serve_json, team_route
from .settings import Changes, Positive
from .wiring import wiring_of

PATH = "/spike_detection_config"
UPDATE = f"{PATH}/update_config"


class SpikeDetectionConfig(BaseModel):
    """A spike has `threshold` events in 5 minutes and more than `multiplier` times the baseline."""

    snooze_duration_minutes: Positive
    multiplier: Positive
    threshold: Positive


class SpikeDetectionChanges(Changes, SpikeDetectionConfig):
    """The fields to change; what is not named stays."""


def add_spike_detection_config(app: FastAPI) -> None:
    """Adds the resource to an application."""
    whole = Answers(200, SpikeDetectionConfig)
    team_route(app, "GET", PATH, retrieve_config, whole)
    team_route(app, "PATCH", UPDATE, update_config, whole, SpikeDetectionChanges)


async def retrieve_config(request: Request, team_id: Reader) -> Response:
    """Gives what the team calls a spike."""
    wiring = wiring_of(request.scope)
    found = await wiring.run(wiring.symbolicator.spikes.config.retrieve, team_id)
    return serve_json(encode(asdict(found)))


async def update_config(request: Request, team_id: Writer) -> Response:
    """Changes the fields that the body names, and gives all of them."""
    wiring = wiring_of(request.scope)
    body = await read_object(request.scope, request.receive)
    changed = await wiring.run(wiring.symbolicator.spikes.config.update, team_id, body)
    return serve_json(encode(asdict(changed)))
