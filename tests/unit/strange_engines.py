"""Engines that the registry refuses."""

from __future__ import annotations

from dataclasses import dataclass

from tests.unit.config.configurable_engines import QuietEngine


class OtherQuiet(QuietEngine):
    pass


@dataclass(frozen=True)
class UrlOptions:
    url: str


class BareOptions(QuietEngine):
    name, Options = "bare", UrlOptions


class ShapelessOptions(QuietEngine):
    name, Options = "shapeless", dict
