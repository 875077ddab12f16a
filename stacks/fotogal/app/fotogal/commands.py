"""The `oci` commands that do in Oracle Cloud what `fotogal provision` does, for who would rather type them, or learn from them. Pure."""

from __future__ import annotations

import json
import shlex

from fotogal.catalogue.nosql.schema import INDEXES, READ_UNITS, STORAGE_GB, TABLES, WRITE_UNITS, Index, Table
from fotogal.settings import LOG, LOG_GROUP, Settings


def commands(settings: Settings) -> list[str]:
    """In their order, as a script for a shell."""
    return [
        "# Compartment. The tenancy's OCID stands in the SDK's file (oci.conf).",
        "TENANCY=ocid1.tenancy.oc1..",
        _oci(
            "iam compartment create",
            compartment_id="$TENANCY",
            name=settings.oci.compartment,
            description="FotoGal",
            wait_for_state="ACTIVE",
        ),
        f"COMPARTMENT=$({_first('iam compartment list', name=settings.oci.compartment)})",
        "",
        "# Images",
        _oci(
            "os bucket create",
            compartment_id="$COMPARTMENT",
            name=settings.bucket,
            public_access_type="NoPublicAccess",
            storage_tier="Standard",
            versioning="Disabled",
        ),
        "",
        "# Catalogue",
        *map(_table, TABLES),
        *map(_index, INDEXES),
        "",
        "# Log",
        _oci(
            "logging log-group create",
            compartment_id="$COMPARTMENT",
            display_name=LOG_GROUP,
            description="FotoGal",
            wait_for_state="SUCCEEDED",
        ),
        f"GROUP=$({_first('logging log-group list', compartment_id='$COMPARTMENT', display_name=LOG_GROUP)})",
        _oci("logging log create", log_group_id="$GROUP", display_name=LOG, log_type="CUSTOM", is_enabled="true"),
    ]


def _table(table: Table) -> str:
    limits = {"maxReadUnits": READ_UNITS, "maxWriteUnits": WRITE_UNITS, "maxStorageInGBs": STORAGE_GB}
    return _oci(
        "nosql table create",
        compartment_id="$COMPARTMENT",
        name=table.name,
        ddl_statement=table.statement,
        table_limits=json.dumps(limits),
        wait_for_state="SUCCEEDED",
    )


def _index(index: Index) -> str:
    return _oci(
        "nosql index create",
        compartment_id="$COMPARTMENT",
        table_name_or_id=index.table,
        index_name=index.name,
        keys=json.dumps([{"columnName": column} for column in index.columns]),
        wait_for_state="SUCCEEDED",
    )


def _first(what: str, **conditions: str) -> str:
    return f"{_oci(what, **conditions)} --query 'data[0].id' --raw-output"


def _oci(what: str, **options: str) -> str:
    words = (f"--{name.replace('_', '-')} {_quoted(value)}" for name, value in options.items())
    return f"oci {what} {' '.join(words)}"


def _quoted(value: str) -> str:
    """A variable is left for the shell to fill in."""
    return f'"{value}"' if value.startswith("$") else shlex.quote(value)
