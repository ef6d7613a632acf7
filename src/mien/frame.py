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
        import pandas as pd

        # without these types a column with gaps turns from integers into floats, and from booleans into objects
        kinds = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}
        return table.to_pandas(types_mapper=kinds.get)
    if find_spec("polars"):
        import polars

        return polars.from_arrow(table)
    return table
