"""Write the faces of a folder as Parquet, and count expressions with pandas or polars, whichever is installed.

python examples/folder_to_parquet.py photos/ faces.parquet
"""

import sys

import mien


def main(folder: str, out: str) -> None:
    """Read a folder, write the table and print how often each expression is seen."""
    table = mien.Pipeline().predict(folder).to_frame()
    if hasattr(table, "to_parquet"):  # pandas
        table.to_parquet(out)
        print(table["expression"].value_counts().to_string())
    elif hasattr(table, "write_parquet"):  # polars
        table.write_parquet(out)
        print(table["expression"].value_counts())
    else:  # Arrow
        import pyarrow.parquet as pq

        pq.write_table(table, out)
        print(table["expression"].value_counts())
    print(f"wrote {out}: {len(table)} rows")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/folder_to_parquet.py FOLDER TABLE")
    main(*sys.argv[1:])
