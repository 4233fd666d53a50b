"""End a generation by transformers when nobody wants the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def stop_when(is_cancelled: Callable[[], bool]) -> Any:
    """Return `stopping_criteria` for `generate`: it ends at the next token once `is_cancelled` says so."""
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Cancelled(StoppingCriteria):  # type: ignore[misc]
        """Stop when told to."""

        def __call__(self, input_ids: Any, *_: Any, **__: Any) -> Any:
            return torch.full((len(input_ids),), is_cancelled(), dtype=torch.bool, device=input_ids.device)

    return StoppingCriteriaList([Cancelled()])
