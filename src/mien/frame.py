"""Rows as the kind of table that is used here: pandas where it is installed, else polars, else Arrow."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any


def frame(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str] | None = None) -> Any:
    """Return rows as a DataFrame of pandas or polars, or as an Arrow table where neither is installed.

    `columns` gives the names of types in Arrow; without it columns and types are those of the rows.
    """
    import pyarrow as pa

    schema = None if columns is None else pa.schema([(k, pa.type_for_alias(kind)) for k, kind in columns.items()])
    table = pa.Table.from_pylist(list(rows), schema)
    if find_spec("pandas"):
        return table.to_pandas()
    if find_spec("polars"):
        import polars

        return polars.from_arrow(table)
    return table
