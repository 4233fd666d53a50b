"""What a started server exports: families by name, with type and labels; and what PromQL asks for."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.scripted import fails, kind
from tests.served import SILENT, make_app, served

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "info": ("_info",)}
ORDER = {"model": "tts-1", "input": "Bonjour. Encore.", "response_format": "wav"}
CLAUSE = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
MATCHERS = re.compile(r"\{[^}]*\}")
NAME = re.compile(r"(?<![\w$:.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
WORDS = {"and", "or", "unless", "offset", "bool", "inf", "nan"}


@dataclass(frozen=True)
class Family:
    """One metric.

    Attributes:
        name: as it is asked for, `_total` included, `_bucket` and its like left out.
        kind: `counter`, `gauge`, `histogram`, `info`.
        labels: names of its labels, as far as it has samples.
    """

    name: str
    kind: str
    labels: frozenset[str]

    def series(self) -> Iterator[str]:
        """Yield the names of its series."""
        stem = self.name.removesuffix(SUFFIXES[self.kind][0]) if self.kind in ("counter", "info") else self.name
        for suffix in SUFFIXES[self.kind]:
            yield stem + suffix


def exported() -> dict[str, Family]:
    """Start a server that speaks, falls back and is asked nonsense, and return what it exports."""
    app = make_app(kind("alpha", fault=fails()), kind("beta"), SILENT, wyoming={"enabled": True, "port": 0})
    with served(app) as server:
        asyncio.run(_use(server.url))
        page = httpx.get(f"{server.url}/metrics", timeout=30).text
    return {family.name: family for family in families(page)}


def families(page: str) -> Iterator[Family]:
    """Yield the metrics of a page in Prometheus' text format."""
    for family in text_string_to_metric_families(page):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        if family.name.endswith("_info") and family.type == "gauge":
            yield Family(family.name, "gauge", frozenset(labels))
        else:
            suffix = "_total" if family.type == "counter" else ""
            yield Family(family.name + suffix, family.type, frozenset(labels))


async def _use(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        for order in (ORDER, ORDER, {**ORDER, "voice": "nobody"}):
            await client.post("/v1/audio/speech", json=order)
        await client.get("/nowhere")


def asked_for(expression: str) -> set[str]:
    """Return the names of the series that a PromQL expression reads."""
    plain = MATCHERS.sub("", re.sub(r'"[^"]*"', "", CLAUSE.sub("", expression)))
    plain = re.sub(r"\[[^\]]*\]", "", plain)
    return {name for name in NAME.findall(plain) if name.lower() not in WORDS}


def labels_asked_for(expression: str) -> set[str]:
    """Return the labels that its matchers and clauses name."""
    matched = {name for part in MATCHERS.findall(expression) for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", part)}
    grouped = {name for part in CLAUSE.findall(expression) for name in re.findall(r"\w+", part.partition("(")[2])}
    return matched | grouped
