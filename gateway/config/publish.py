"""The JSON Schema of `config.yaml`, for editors: `python -m gateway.config.publish > gateway/config/schema.json`.

Lives only here: the published form of `schema.py`. Called by `make schema`, and by the check that the file is current.
"""

import json
import sys
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from gateway.config.schema import Config
from gateway.config.values import duration


class _Spelt(GenerateJsonSchema):
    """Shows the default of a duration as an operator writes it."""

    def encode_default(self, dft: Any) -> Any:
        return duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def published() -> dict[str, Any]:
    """JSON Schema 2020-12 of the whole configuration."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sallyport config.yaml",
        **{key: value for key, value in Config.model_json_schema(schema_generator=_Spelt).items() if key != "title"},
    }


if __name__ == "__main__":
    json.dump(published(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
