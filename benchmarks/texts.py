"""What is spoken."""

from __future__ import annotations

SHORT = "The kettle is on the fire."
MEDIUM = (
    "The quarter past eight train will leave from the platform on the left, "
    "and it should arrive about ten minutes late."
)
ONE_SENTENCE = (
    "When the harbour master had counted the boats that came in before the storm, and had written their names in the "
    "long grey book that lay open on the window sill, he put out the lamp, pulled his coat over his shoulders, and "
    "walked down the stairs to the quay, where the others were waiting for him with ropes, lanterns and a flask of tea."
)
LONG = (
    "Rain had been falling on the roofs of the town since early in the morning. "
    "In the kitchen a kettle sang, and the old cat slept on a chair beside the stove. "
    "Mary opened the letter with great care, read it twice, and laid it down on the table between the cups. "
    "There was no hurry at all, and nobody in the house was waiting for her answer. "
    "She took her coat from its hook, went down the narrow stairs, and walked along the river to the harbour. "
    "The boats were lying in two rows, with their sails rolled up, and they were waiting for the evening tide. "
    "A boy with a basket asked her whether she wanted fish, and she bought three of them because he smiled. "
    "When she came home again the rain had stopped, the cat was still asleep, and the letter was still on the table."
)
HOURS = ("one", "two", "three", "four", "five", "six", "eight", "nine", "ten", "twelve")
MINUTES = ("two", "three", "four", "five", "six", "eight", "nine", "ten", "twelve", "fifteen")


def medium(number: int) -> str:
    """Return a text as long as `MEDIUM`; a hundred of them differ, since equal ones asked for at once are made once."""
    hour, minutes = HOURS[number % len(HOURS)], MINUTES[number // len(HOURS) % len(MINUTES)]
    return MEDIUM.replace("eight", hour).replace("ten minutes", f"{minutes} minutes")


TEXTS = {"short": SHORT, "medium": MEDIUM, "one sentence": ONE_SENTENCE, "long": LONG}
