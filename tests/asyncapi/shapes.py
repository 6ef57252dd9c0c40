"""JSON schemas of what goes over the wire, out of the models themselves."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.dead_letters import ORIGINAL_PREFIX, DeadReason
from schemas.events import TYPES_BY_SOURCE, BusEvent, CustomEvent, Source
from schemas.model import WireModel
from schemas.names import CLIENT_ID_PATTERN
from schemas.replies import Accepted, Delta, Emit, Notify, Question, Reply, ReplyError
from schemas.requests import BODIES, RequestKind
from schemas.wire import Request

Json = dict[str, Any]

TEMPLATE = "#/components/schemas/{model}"
#: models that Swarmline writes: all their keys are always there, but for those that they leave out themselves
WRITTEN = (Accepted, Reply, ReplyError, Emit, Notify, Question, Delta, BusEvent, CustomEvent)
READ = (Request, *dict.fromkeys(BODIES.values()))
#: a stream holds text only: what else a field is, its text must be
NUMBER = {"type": "string", "pattern": "^[0-9]{1,16}$"}


def ref(name: str) -> Json:
    """Return a reference to a schema of the components."""
    return {"$ref": TEMPLATE.format(model=name)}


def schemas() -> Json:
    """Return the schemas of all models by name, those of stream entries and of the events of each source."""
    _, made = models_json_schema([(model, "validation") for model in (*READ, *WRITTEN)], ref_template=TEMPLATE)
    found: Json = {name: _tidy(schema) for name, schema in made["$defs"].items()}
    for model in WRITTEN:
        found[model.__name__]["required"] = _always_there(model)
    fields = found.pop("Request")["properties"]
    del found["RequestKind"]
    found |= {entry_name(kind): _entry(kind, fields) for kind in RequestKind}
    found |= {event_name(source): _event(source) for source in Source}
    found["ClientItem"] = {"oneOf": [ref(model.__name__) for model in (Reply, Emit, Notify, Question)]}
    found["AnyEvent"] = {"oneOf": [*(ref(event_name(source)) for source in Source), ref("CustomEvent")]}
    found["DeadLetter"] = _dead_letter()
    return dict(sorted(found.items()))


def entry_name(kind: RequestKind) -> str:
    """Return the name of the schema of a request's stream entry."""
    return f"{''.join(word.title() for word in kind.split('-'))}Request"


def event_name(source: Source) -> str:
    """Return the name of the schema of the events of a source."""
    return f"{source.removesuffix('-bus').title()}Event"


def _always_there(model: type[BaseModel]) -> list[str]:
    optional = model.optional_keys if issubclass(model, WireModel) else frozenset[str]()
    return [str(field.alias) for field in model.model_fields.values() if field.alias not in optional]


def _entry(kind: RequestKind, fields: Mapping[str, Json]) -> Json:
    properties = {name: _as_text(schema) for name, schema in fields.items()}
    properties |= {
        "v": {"type": "string", "const": "1"},
        "kind": {"type": "string", "const": str(kind)},
        "clientId": {"type": "string", "pattern": f"^{CLIENT_ID_PATTERN}$"},
        "deadlineMs": {"type": "string", "pattern": "^[0-9]{1,15}$"},
        "force": {"type": "string", "enum": ["0", "1"]},
        "replyTo": {"type": "string", "maxLength": 256, "pattern": "^[A-Za-z0-9_.:{}-]*$"},
        "body": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": f"A JSON object, as text: components/schemas/{BODIES[kind].__name__}.",
            "x-content-schema": ref(BODIES[kind].__name__),
        },
    }
    required = ["v", "requestId", "clientId", "swarmName", "kind"]
    if any(field.is_required() for field in BODIES[kind].model_fields.values()):
        required.append("body")
    description = f"The fields of a stream entry of kind `{kind}`; all of them are text."
    return {"type": "object", "description": description, "required": required, "properties": properties}


def _as_text(schema: Json) -> Json:
    """Return the schema of a stream field: absent instead of null, and numbers as their digits."""
    kept = {name: value for name, value in schema.items() if name not in ("default", "title")}
    if "anyOf" in kept:
        kept |= next(choice for choice in kept.pop("anyOf") if choice.get("type") != "null")
    return dict(NUMBER) if kept.get("type") == "integer" else kept


def _event(source: Source) -> Json:
    types = sorted(TYPES_BY_SOURCE[source])
    properties = {"source": {"const": str(source)}, "type": {"enum": types}}
    return {"allOf": [ref("BusEvent"), {"type": "object", "properties": properties}]}


def _dead_letter() -> Json:
    return {
        "type": "object",
        "description": "The fields of an entry of the dead stream; those of the original entry follow as they came.",
        "required": ["reason", "error", "attempts", "atMs"],
        "properties": {
            "reason": {"type": "string", "enum": list(DeadReason)},
            "error": {"type": "string"},
            "attempts": NUMBER,
            "atMs": NUMBER,
        },
        "patternProperties": {f"^{ORIGINAL_PREFIX.replace('.', '[.]')}": {"type": "string"}},
    }


def _tidy(schema: Any) -> Any:
    """Leave out the titles that pydantic makes of names."""
    if isinstance(schema, dict):
        return {
            name: {key: _tidy(value) for key, value in inner.items()} if name == "properties" else _tidy(inner)
            for name, inner in schema.items()
            if name != "title" or not isinstance(inner, str)
        }
    return [_tidy(inner) for inner in schema] if isinstance(schema, list) else schema
