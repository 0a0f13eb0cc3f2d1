"""Two documents as real services publish them, and shorthands to read small ones."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from upstream_kit import RealClock, nothing

from gateway.config.upstreams import OpenApi
from gateway.model.outbound import Outbound
from gateway.model.tool import Tool
from gateway.upstream.openapi import OpenApiUpstream
from gateway.upstream.openapi_document import Found, read
from gateway.upstream.openapi_match import HttpRoutes, Matched, Routes
from gateway.upstream.openapi_operation import Operation

PETS: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://elsewhere.example/v9"}],
    "paths": {
        "/pets": {
            "get": {
                "operationId": "listPets",
                "summary": "List pets",
                "description": "All pets, a page at a time.",
                "parameters": [
                    {"$ref": "#/components/parameters/Limit"},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {
                        "name": "ids",
                        "in": "query",
                        "explode": False,
                        "schema": {"type": "array", "items": {"type": "integer", "format": "int64"}},
                    },
                    {"name": "sold", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "X-Region", "in": "header", "schema": {"type": "string"}},
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                    {"name": "session", "in": "cookie", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"$ref": "#/components/responses/Pets"}},
            },
            "post": {
                "operationId": "create pet!",
                "summary": "Register a pet",
                "requestBody": {
                    "required": True,
                    "description": "The new pet",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
                },
            },
        },
        "/pets/{petId}": {
            "parameters": [{"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "getPet",
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                    "404": {"description": "none"},
                },
            },
            "put": {
                "operationId": "replacePet",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                "responses": {"204": {"description": "done"}},
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
        },
        "/pets/mine": {"get": {"operationId": "getMine", "responses": {}}},
        "/pets/{petId}/photo.{kind}": {
            "get": {
                "operationId": "getPhoto",
                "parameters": [
                    {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "kind", "in": "path", "required": True, "schema": {"enum": ["png", "svg"]}},
                ],
                "responses": {},
            }
        },
        "/upload": {
            "post": {
                "operationId": "upload",
                "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}},
                "responses": {},
            }
        },
    },
    "components": {
        "parameters": {
            "Limit": {
                "name": "limit",
                "in": "query",
                "description": "How many",
                "schema": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 100},
            }
        },
        "responses": {
            "Pets": {
                "description": "ok",
                "content": {
                    "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}
                },
            }
        },
        "schemas": {
            "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "Pet": {
                "type": "object",
                "allOf": [{"$ref": "#/components/schemas/Named"}],
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "integer", "readOnly": True},
                    "secret": {"type": "string", "writeOnly": True},
                    "nickname": {"type": "string", "nullable": True, "example": "Rex"},
                    "mother": {"$ref": "#/components/schemas/Pet", "description": "ignored beside $ref in 3.0"},
                    "kind": {"type": "string", "enum": ["cat", "dog"], "nullable": True},
                    "friends": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}},
                },
                "discriminator": {"propertyName": "kind"},
            },
        },
    },
}


def document(paths: Mapping[str, Any], version: str = "3.1.0", **components: Any) -> dict[str, Any]:
    return {"openapi": version, "info": {}, "paths": dict(paths), "components": {"schemas": components}}


def get(*parameters: Mapping[str, Any], path: str = "/things", **entry: Any) -> dict[str, Any]:
    return document({path: {"get": {"operationId": "things", "parameters": list(parameters), **entry}}})


def post(schema: Any, version: str = "3.1.0", **components: Any) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return document({"/things": {"post": {"operationId": "make", "requestBody": body}}}, version, **components)


def parameter(name: str, schema: Any = None, place: str = "query", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": {"type": "string"} if schema is None else schema, **more}


def only(found: Found) -> Operation:
    [operation] = found.operations
    assert found.problems == ()
    return operation


def schema_of(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The input schema of a document's only operation."""
    return only(read(value)).definition["inputSchema"]


def named(found: Found, name: str) -> Operation:
    return next(operation for operation in found.operations if operation.name == name)


def matched(found: Found, method: str, path: str) -> Matched | None:
    return Routes("pets", found.routes).match(method, path)


def tool_of(definition: Mapping[str, Any]) -> Tool:
    name = definition["name"]
    return Tool(id=f"pets/{name}", upstream="pets", name=name, definition=definition, digest="0" * 64)


def call(definition: Mapping[str, Any], arguments: Mapping[str, Any] | None = None, **more: Any) -> Outbound:
    return Outbound(tool_of(definition), arguments or {}, **more)


@contextlib.asynccontextmanager
async def service(
    url: str,
    folder: Path,
    document: Any = PETS,
    reached: Callable[[str], None] = nothing,
    routes: HttpRoutes | None = None,
    **settings: Any,
) -> AsyncIterator[OpenApiUpstream]:
    """The upstream `pets` over a file; `document` as a text is a place of its own."""
    place = document if isinstance(document, str) else "pets.json"
    if not isinstance(document, str):
        (folder / place).write_bytes(json.dumps(document).encode())
    config = OpenApi(kind="openapi", url=url, document=place, **settings)
    found = OpenApiUpstream("pets", config, RealClock(), reached, folder, routes or HttpRoutes())
    try:
        yield found
    finally:
        await found.close()
