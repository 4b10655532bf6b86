"""`checks`: checks of your own, without code."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mailvane.settings.model.base import Section
from mailvane.settings.shapes.number import NUMBER, YES_NO, duration
from mailvane.settings.shapes.text import LINE, LINES, NAME, REGEX, WORD, one_of


class NumberSection(Section):
    """The command prints a number, which is held against limits."""

    degraded: Annotated[float, NUMBER] | None = Field(
        default=None, description="From where it is degraded."
    )
    unhealthy: Annotated[float, NUMBER] | None = Field(
        default=None, description="Above which it is unhealthy (with `falling`: below which)."
    )
    falling: Annotated[bool, YES_NO] = Field(default=False, description="True when less is worse.")
    unit: Annotated[str, LINE] | None = Field(
        default=None, description="What stands behind the number in a sentence."
    )


class CustomCheckSection(Section):
    """A command that is run on the servers, and what it should print: `expect` or `number`."""

    stand_ins: ClassVar[dict[str, str]] = {"name": "unnamed", "command": "true"}

    name: Annotated[str, NAME] = Field(
        description="Short and permanent; another than Mailvane's own checks have."
    )
    title: Annotated[str, LINE] | None = Field(
        default=None, description="What people read; default: the name."
    )
    command: Annotated[str, LINES] = Field(
        description="A POSIX sh command; `${NAME}` is filled in from Mailvane's environment, "
        "a variable of the shell's own is written `$NAME` or `$${NAME}`."
    )
    expect: Annotated[str, REGEX] | None = Field(
        default=None, description="A regular expression that the whole output must match."
    )
    number: NumberSection | None = Field(
        default=None, description="The command prints a number, which is held against limits."
    )
    otherwise: Annotated[Literal["degraded", "unhealthy"], one_of(["degraded", "unhealthy"])] = (
        Field(
            default="unhealthy", description="What it is when the output does not match `expect`."
        )
    )
    servers: list[Annotated[str, NAME]] = Field(
        default=[], description="The servers to ask, by name; default: see `roles`."
    )
    roles: list[Annotated[str, WORD]] = Field(
        default=[],
        description="The roles to ask, beside `servers`; with neither, every server is asked.",
    )
    runbook: Annotated[str, LINES] | None = Field(
        default=None, description="What is wrong then, why it matters, what to do."
    )
    timeout: Annotated[float, duration("100ms", "5m")] = Field(
        default=8.0, description="How long the command may take."
    )
