"""Writes lists of token ids as Python's libraries have them: pyarrow, json and datasets, and polars
and duckdb where they are.

Usage: token_id_files.py OUT
"""

import gzip
import importlib.util
import json
import os
import pathlib
import sys

out = pathlib.Path(sys.argv[1])
os.environ["HF_HOME"] = str(out / "hf")
os.environ["HF_DATASETS_CACHE"] = str(out / "cache")

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

datasets.disable_progress_bars()
rows = [[(i * 7919 + j * 104729) % 50000 for j in range(i % 9)] for i in range(2000)]
rows[7] = [j % 50000 for j in range(70_000)]
whole = pa.array(rows, pa.list_(pa.int32()))
holes = list(rows)
holes[5] = None
holes[8] = [1, None, 3]
table = pa.table({"id": range(2000), "input_ids": pa.array(holes, pa.list_(pa.int32())), "text": [str(i) for i in range(2000)]})
for codec in ["snappy", "zstd", "gzip", "none", "lz4", "brotli"]:
    pq.write_table(table, out / f"{codec}.parquet", compression=codec, row_group_size=300)
pq.write_table(table, out / "plain.parquet", use_dictionary=False, data_page_size=1000)
pq.write_table(table, out / "v2.parquet", data_page_version="2.0", data_page_size=1000)
for version in ["1.0", "2.0"]:
    for encoding in ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"]:
        pq.write_table(
            table, out / f"{encoding}-{version}.parquet", use_dictionary=False, data_page_version=version,
            column_encoding={"input_ids.list.element": encoding},
        )
for name, kind in [("int64", pa.int64()), ("uint16", pa.uint16())]:
    for encoding in ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"]:
        if name == "uint16" and encoding == "BYTE_STREAM_SPLIT":
            continue
        typed = table.set_column(1, "input_ids", pa.array([[x % 60000 if x is not None else x for x in r] if r is not None else r for r in holes], pa.list_(kind)))
        pq.write_table(typed, out / f"{name}-{encoding}.parquet", use_dictionary=False, column_encoding={"input_ids.list.element": encoding})
pq.write_table(table.set_column(1, "input_ids", table["input_ids"].cast(pa.large_list(pa.int32()))), out / "large.parquet")
struct = pa.StructArray.from_arrays([whole], ["input_ids"], mask=pa.array([i == 5 for i in range(2000)]))
nested = pa.table({"row": struct})
pq.write_table(nested, out / "nested.parquet")
required = pa.schema([pa.field("input_ids", pa.list_(pa.field("element", pa.int32(), nullable=False)), nullable=False)])
pq.write_table(pa.table([whole], schema=required), out / "required.parquet")
four = [[i, i + 1, i + 2, 49999] for i in range(500)]
fixed = pa.table({"input_ids": pa.array(four, pa.list_(pa.int32(), 4))})
pq.write_table(fixed, out / "fixed.parquet")
wrong = pa.table({
    "floats": [[1.0, 2.0]], "lists": [[[1], [2]]], "structs": [[{"a": 1, "b": 2}]], "input_ids": [[1, -100, 3]],
    "huge": pa.array([[1, 1 << 40]], pa.list_(pa.int64())),
})
pq.write_table(wrong, out / "wrong.parquet")


def write(name, table, file=False, batch=None):
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(out / name, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)


write("stream.arrow", table, batch=7)
write("file.arrow", table, file=True)
write("nested.arrow", nested, batch=100)
write("sliced.arrow", table.slice(3, 1000), file=True)
write("fixed.arrow", fixed, batch=9)
write("wrong.arrow", wrong)
for name, kind in [("int64", pa.int64()), ("uint16", pa.uint16())]:
    write(f"{name}.arrow", table.set_column(1, "input_ids", table["input_ids"].cast(pa.large_list(kind))))
lines = "".join(json.dumps({"id": i, "input_ids": row, "attention_mask": [1]}) + "\n" for i, row in enumerate(holes))
(out / "lines.jsonl").write_text(lines)
with gzip.open(out / "lines.jsonl.gz", "wt") as file:
    file.write(lines)
(out / "array.json").write_text(json.dumps([{"input_ids": row} for row in holes]))
(out / "lists.json").write_text(json.dumps(holes))
saved = datasets.Dataset.from_dict({"input_ids": holes, "labels": [0] * 2000})
saved.save_to_disk(out / "saved", num_shards=3)
if importlib.util.find_spec("polars"):
    import polars

    polars.from_arrow(table).write_parquet(out / "polars.parquet", row_group_size=400)
if importlib.util.find_spec("duckdb"):
    import duckdb

    ids = table

    for version in ["v1", "v2"]:
        duckdb.sql(f"copy (from ids) to '{out}/duckdb-{version}.parquet' (format parquet, codec 'lz4_raw', parquet_version {version})")
