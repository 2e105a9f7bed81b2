"""What the calculation refuses: each error names the field at fault, so that an API can point at it.

`field` is a dotted path with list positions, such as `lines.0.unit_price` for an input or `total` for a result.
"""

from typing import Final

MAX_MINOR: Final = 10**15 - 1
"""The bound of every amount, in minor units of its currency, either sign: sums of thousands still fit 64 bits."""


class AmountOutOfRange(ValueError):
    """An amount, given or computed, lies beyond MAX_MINOR minor units."""

    def __init__(self, field: str) -> None:
        """Take the dotted path of the amount."""
        super().__init__(f"{field} is too large: an amount has at most 15 digits, counted in minor units.")
        self.field = field


class InvalidDocument(ValueError):
    """A document breaks a rule of money; `message` is a sentence for the person who sent it."""

    def __init__(self, field: str, message: str) -> None:
        """Take the dotted path of the input and the sentence that says what is wrong with it."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
