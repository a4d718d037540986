"""A request that cannot be served as it is."""

from __future__ import annotations


class InvalidRequestError(Exception):
    """Fields of a request are wrong; ``violations`` are (field path, what is wrong and what would be right)."""

    def __init__(self, *violations: tuple[str, str], reason: str = "INVALID_REQUEST") -> None:
        super().__init__(
            "; ".join(f"{field}: {description}" if field else description for field, description in violations)
        )
        self.violations = violations
        self.reason = reason
