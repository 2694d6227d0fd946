"""JSON Schemas of the documents, made from the models: editors complete and check while somebody writes.

What a field means stands under it in the models; read here from their source, since asking pydantic to do so costs
every start of the process.
"""

import ast
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reconciler.desired import devices, documents, domain, machine, parts, secrets
from reconciler.desired.documents import KINDS
from reconciler.desired.model import Later
from reconciler.desired.quantity import DURATION_PATTERN, SIZE_PATTERN, format_duration, format_size

MODULES = (parts, secrets, machine, devices, domain, documents)
"""Where the models stand."""

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ALL = "all.schema.json"
NOT_YET = "Not supported yet."

Json = dict[str, Any]


def schemas() -> dict[str, Json]:
    """One schema for each kind, and one for documents of any kind, by file name."""
    definitions = _definitions()
    found = {f"{kind.lower()}.schema.json": _of_kind(kind, definitions) for kind in KINDS}
    found[ALL] = _of_all(definitions)
    return dict(sorted(found.items()))


def write_schemas(directory: Path) -> tuple[Path, ...]:
    """Write every schema below `directory`; the files, in order."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, schema in schemas().items():
        paths.append(directory / name)
        paths[-1].write_text(text_of(schema), encoding="utf-8")
    return tuple(paths)


def text_of(schema: Json) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _of_kind(kind: str, definitions: Json) -> Json:
    used: Json = {}
    _collect(definitions[kind], definitions, used)
    used.pop(kind, None)
    return {"$schema": DRAFT, **definitions[kind], "$defs": dict(sorted(used.items()))}


def _of_all(definitions: Json) -> Json:
    """The kind decides which schema holds, so that an editor complains about the right one."""
    return {
        "$schema": DRAFT,
        "title": "Document",
        "description": "One object of the cloud.",
        "type": "object",
        "properties": {"kind": {"enum": sorted(KINDS), "description": "The kind of this document."}},
        "required": ["apiVersion", "kind", "metadata"],
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{kind}"},
            }
            for kind in sorted(KINDS)
        ],
        "$defs": definitions,
    }


def _collect(schema: Any, definitions: Json, used: Json) -> None:
    """Add to `used` every definition that `schema` refers to, directly or not."""
    if isinstance(schema, list):
        for item in schema:
            _collect(item, definitions, used)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in used:
            used[name] = definitions[name]
            _collect(definitions[name], definitions, used)
        for item in schema.values():
            _collect(item, definitions, used)


def _definitions() -> Json:
    """Every model's schema, with descriptions and with defaults as people write them."""
    _, whole = models_json_schema([(model, "validation") for model in KINDS.values()], by_alias=True)
    models = _models()
    docs = _field_docs()
    found: Json = {}
    for name, schema in sorted(whole["$defs"].items()):
        schema.pop("title", None)
        if name in models:
            _describe(schema, models[name], docs)
        found[name] = _plain(schema)
    return found


def _models() -> dict[str, type[BaseModel]]:
    return {
        name: value
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseModel)
    }


def _describe(schema: Json, model: type[BaseModel], docs: Mapping[str, Mapping[str, str]]) -> None:
    """Put each field's text, and a default that people can read, into its schema."""
    for name, info in model.model_fields.items():
        field = schema["properties"][info.alias or name]
        field.pop("title", None)
        text = next(docs[base.__name__][name] for base in model.__mro__ if name in docs.get(base.__name__, {}))
        if any(isinstance(mark, Later) and not mark.values for mark in info.metadata):
            text += f" {NOT_YET}"
        field["description"] = text
        if isinstance(field.get("default"), dict | list) or field.get("default", "") is None:
            del field["default"]
        elif "default" in field:
            field["default"] = _written(field, field["default"])


def _written(field: Json, default: Any) -> Any:
    """A default as a document would say it."""
    pattern = field.get("pattern")
    if pattern == f"^{SIZE_PATTERN}$":
        return format_size(default)
    return format_duration(default) if pattern == f"^{DURATION_PATTERN}$" else default


def _plain(schema: Any) -> Any:
    """Without pydantic's titles, which only repeat the names."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if isinstance(schema, dict):
        return {key: _plain(item) for key, item in schema.items() if not (key == "title" and isinstance(item, str))}
    return schema


def _field_docs() -> dict[str, dict[str, str]]:
    """The text under each field of each model: class name, field name, text."""
    found: dict[str, dict[str, str]] = {}
    for module in MODULES:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = _docs_of(node)
    return found


def _docs_of(model: ast.ClassDef) -> dict[str, str]:
    docs: dict[str, str] = {}
    for field, text in zip(model.body, model.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            docs[field.target.id] = inspect.cleandoc(str(ast.literal_eval(text.value)))
    return docs
