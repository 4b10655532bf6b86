"""What all sections have in common."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema


class Section(BaseModel):
    """A mapping with known keys; another key is an error, one without a value counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    may_be_empty: ClassVar[frozenset[str]] = frozenset()
    """Keys that say something even without a value."""
    stand_ins: ClassVar[dict[str, str]] = {}
    """Values of required keys to go on checking with, where the given ones are wrong."""
    short_for: ClassVar[str] = ""
    """The key that a bare text stands for; empty: a bare text is an error."""
    short_schema: ClassVar[dict[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _as_given(cls, data: Any) -> Any:
        if data is None:
            return {}
        if cls.short_for and isinstance(data, str):
            return {cls.short_for: data}
        if isinstance(data, dict) and None in data.values():
            return {
                key: {} if value is None else value
                for key, value in data.items()
                if value is not None or key in cls.may_be_empty or key not in cls.model_fields
            }
        return data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        whole = handler(core)
        return {"anyOf": [cls.short_schema, whole]} if cls.short_for else whole
