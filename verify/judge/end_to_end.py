"""The verdict on the images at work together (``e2e/verdict.json``)."""

from typing import Literal

from pydantic import Field

from deploy.artifacts import E2E, Model
from verify.judge.verdict import Finding, Outcome


class Used(Model):
    """An image that took part: the tag when the run began, the engine's id, our identity."""

    tag: str
    image_id: str
    identity: str


class EndToEnd(Model):
    """One run's outcome and all that led to it."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    outcome: Outcome
    images: dict[str, Used]  # by role; empty where they could not be had
    figures: dict[str, float] = Field(default_factory=dict)  # name -> seconds
    findings: list[Finding]
    started: str = ""  # UTC, ISO 8601
    seconds: float = 0.0

    @property
    def role(self) -> str:
        """The name under which it stands beside the images' roles."""
        return E2E

    @property
    def image(self) -> str:
        """The images' tags, for a headline."""
        return ", ".join(used.tag for used in self.images.values())

    @property
    def outcome_words(self) -> list[str]:
        """The outcome, as an image's row has it."""
        return [self.outcome]
