"""Pages that are made from code equal the code, and every word a user meets is explained somewhere."""

import re
from pathlib import Path

import audit_fields
import configuration
import pytest
import refusals

from gateway.audit.record import FIELDS, KINDS
from gateway.config.schema import Config
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import TABLE, Reason
from gateway.telemetry import Meter

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def said(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_page_of_refusals_is_what_the_table_says() -> None:
    assert said("refusals.md") == refusals.page(), "python -m tests.docs.refusals > docs/refusals.md"


def test_the_page_of_the_configuration_is_what_the_schema_says() -> None:
    assert said("configuration.md") == configuration.Page().text(), (
        "python -m tests.docs.configuration > docs/configuration.md"
    )


def test_the_table_of_fields_is_what_the_schema_says() -> None:
    assert audit_fields.table() in said("audit.md"), "put what `python -m tests.docs.audit_fields` prints into the page"


def test_every_reason_has_a_row_and_every_row_a_next_step() -> None:
    assert TABLE.keys() == set(Reason)
    for reason, row in TABLE.items():
        assert f"\n| `{reason.value}` | {row.code} | {row.status} |" in said("refusals.md")
        assert row.remedy.endswith(".")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_entry_is_explained(kind: str) -> None:
    assert f"\n| `{kind}` | " in said("audit.md").partition("## Fields")[0]


@pytest.mark.parametrize("outcome", list(AuditOutcome))
def test_every_outcome_is_explained(outcome: AuditOutcome) -> None:
    assert f"`{outcome.value}`" in said("audit.md")


def test_every_field_of_an_entry_has_its_row() -> None:
    assert {name for name in FIELDS if f"\n| `{name}` | " in said("audit.md")} == FIELDS


def test_every_metric_is_explained_with_its_labels() -> None:
    kept = [family for family in Meter().registry.collect() if family.name.startswith(("sallyport_", "mcp_"))]

    assert len(kept) >= 8
    for family in kept:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert re.search(rf"\n\| `{name}[{{`]", said("audit.md")), name


def test_every_section_of_the_configuration_is_explained() -> None:
    assert [name for name in Config.model_fields if f"`{name}`" not in said("configuration.md")] == []
