"""The base of everything on the wire: frozen, strict, camelCase outside and snake_case inside."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer
from pydantic.alias_generators import to_camel

from schemas.names import NAME_PATTERN

Name = Annotated[str, Field(pattern=f"^(?:{NAME_PATTERN})$")]


class WireModel(BaseModel):
    """One kind of JSON object of the protocol; unknown keys are ignored, a wrong type is an error."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    #: wire keys that are left out while they are null or false
    optional_keys: ClassVar[frozenset[str]] = frozenset()

    def to_json(self) -> str:
        """Return the object as compact JSON with the keys of the protocol, in the order in which they are declared."""
        return self.model_dump_json()

    @model_serializer(mode="wrap")
    def _leave_out_optional_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        for key in self.optional_keys:
            if fields[key] is None or fields[key] is False:
                del fields[key]
        return fields


def describe(fault: ValidationError) -> str:
    """Return the faults as one line: where and what is wrong, never the value itself, which may be private."""
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, "))))
        for error in fault.errors(include_url=False, include_input=False)
    )
