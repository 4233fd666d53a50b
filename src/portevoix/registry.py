"""Which engines are installed: entry points of the group `portevoix.engines`, the house's own among them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from portevoix.engine import Engine
from portevoix.plugins import Survey, survey_group

logger = logging.getLogger(__name__)

GROUP = "portevoix.engines"
_HOME = "portevoix.engines."


def installed_engines() -> Mapping[str, type[Engine]]:
    """Return the class of every installed engine by name, in the order of the chain; importing them happens here."""
    return survey().engines


def built_in_engines() -> Mapping[str, type[Engine]]:
    """Return the engines of this package alone."""
    return survey(point for point in entry_points(group=GROUP) if point.value.startswith(_HOME)).engines


def survey(points: Iterable[EntryPoint] | None = None) -> Survey[Engine]:
    """Import engines and sort out what is none; a name that is taken stays with the house, then with the first."""
    found: Survey[Engine] = survey_group(Engine, GROUP, _HOME, points)
    for one in found.refused:
        logger.warning("engine.refused", extra={"engine": one.name, "target": one.target, "why": one.why})
    return found
