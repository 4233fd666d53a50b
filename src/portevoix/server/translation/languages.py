"""`GET /translate/languages`: what can be translated now, and through which engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portevoix.engine import Phase
from portevoix.translate.languages import name_of

if TYPE_CHECKING:
    from portevoix.translate.guard import Guard
    from portevoix.translate.translator import Translator


def describe_languages(translator: Translator) -> dict[str, Any]:
    """Return engines, pairs and languages."""
    ready = [guard for guard in translator.guards if guard.state().phase is Phase.READY]
    pairs = list_pairs(ready)
    sources = sorted({pair["source_lang"] for pair in pairs})
    return {
        "ready": bool(pairs),
        "engines": [describe_engine(guard) for guard in translator.guards],
        "languages": [
            {"code": code, "name": name_of(code),
             "targets": sorted(pair["target_lang"] for pair in pairs if pair["source_lang"] == code)}
            for code in sources
        ],
        "pairs": pairs,
    }  # fmt: skip


def describe_engine(guard: Guard) -> dict[str, Any]:
    """Return where an engine stands, what it does in single steps, and under which licences."""
    state, directions = guard.state(), guard.engine.directions()
    return {
        "name": guard.name,
        "summary": guard.engine.summary,
        "priority": guard.priority,
        "state": state.phase.value,
        "why": state.why,
        "hint": state.hint,
        "rule_based": guard.engine.is_rule_based,
        "breaker": {"state": guard.breaker.state, "rest_seconds": round(guard.breaker.rest_seconds, 1)},
        "models": [{"name": name, "licence": licence, "only_when_asked": needs_asking} for name, licence, needs_asking
                   in dict.fromkeys((one.model, one.licence, one.needs_asking) for one in directions)],
        "directions": len(directions),
    }  # fmt: skip


def list_pairs(guards: list[Guard]) -> list[dict[str, Any]]:
    """Return each pair of languages once, with the way it would be translated now."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for guard in guards:
        directions = guard.engine.directions()
        sources, targets = ({one.source for one in directions}, {one.target for one in directions})
        for source in sources:
            for target in targets - {source}:
                route = guard.route(source, target)
                if route is not None:
                    found.setdefault((source, target), {
                        "source_lang": source, "target_lang": target, "engine": guard.name, "model": route.model,
                        "licence": route.licence, "chain": list(route.chain), "pivoted": route.is_pivoted,
                        "rule_based": guard.engine.is_rule_based,
                    })  # fmt: skip
    return [found[pair] for pair in sorted(found)]
