"""The part of a text that has arrived so far."""

from __future__ import annotations

from dataclasses import dataclass

END = ""
"""What stands after the last character of a complete text."""


class Undecided(Exception):
    """Raised inside this package when a decision needs a character that has not arrived yet."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A text that may still grow at its end.

    Decisions that read ahead only through `at` cannot depend on how the text was cut into deliveries: they are the
    same as on the whole text, or they wait.

    Attributes:
        text: What has arrived.
        is_complete: Whether nothing more will come.
    """

    text: str
    is_complete: bool

    def at(self, index: int) -> str:
        """Return the character at an index, or `END` after the last one.

        Raises:
            Undecided: The character may still arrive.
        """
        if index < len(self.text):
            return self.text[index]
        if self.is_complete:
            return END
        raise Undecided

    def skip(self, index: int, characters: str, most: int = 16) -> int:
        """Return the first index, at most so many characters further, that holds none of these characters.

        Raises:
            Undecided: More of them may still arrive.
        """
        last = index + most
        while index < last and (character := self.at(index)) and character in characters:
            index += 1
        return index

    def skip_space(self, index: int, most: int = 16) -> int:
        """Return the first index, at most so many characters further, that holds no white space.

        Raises:
            Undecided: More white space may still arrive.
        """
        last = index + most
        while index < last and self.at(index).isspace():
            index += 1
        return index
