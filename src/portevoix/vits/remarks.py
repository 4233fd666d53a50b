"""What an operator should know about the networks that are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portevoix.vits.voice import VitsVoice


def why_whole(networks: Sequence[VitsVoice]) -> str:
    """Return why sentences are spoken whole, "" where all networks stream inside them."""
    reasons = [network.why_not_split for network in networks if not network.is_split]
    return f"speaks sentence by sentence: {reasons[0]}" if reasons else ""


def about_eight_bits(networks: Sequence[VitsVoice]) -> str:
    """Return what became of the wish that networks decode in eight bits; there is at least one."""
    losses = [network.precision_loss_db for network in networks if network.precision == "int8"]
    if len(losses) < len(networks):
        return f"{len(networks) - len(losses)} of {len(networks)} voices decode in fp32: int8 does not pay for them"
    return f"decodes in int8, with noise {min(loss or 0.0 for loss in losses):.0f} dB below the sound"
