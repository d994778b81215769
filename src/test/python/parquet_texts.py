"""Writes Parquet files with texts, as pyarrow does by default and otherwise.

Usage: parquet_texts.py OUT
"""

import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

out = pathlib.Path(sys.argv[1])
texts = [f"document {i}: größe 北京 🐋 " + "whale " * (i % 50) for i in range(5000)]
texts[7] = None
texts[8] = ""
texts[9] = "long " * 40_000
repeated = [f"line {i % 10}" for i in range(5000)]
table = pa.table({"id": range(5000), "text": texts, "repeated": repeated, "list": [["a"]] * 5000})
for codec in ["snappy", "zstd", "gzip", "none", "lz4", "brotli"]:
    pq.write_table(table, out / f"{codec}.parquet", compression=codec, row_group_size=700)
pq.write_table(table, out / "plain.parquet", use_dictionary=False, row_group_size=700)
pq.write_table(table, out / "v2.parquet", data_page_version="2.0", data_page_size=2000)
pq.write_table(
    table, out / "delta.parquet", use_dictionary=False,
    column_encoding={"text": "DELTA_BYTE_ARRAY", "repeated": "DELTA_LENGTH_BYTE_ARRAY"},
)
pq.write_table(
    pa.table({"text": pa.array([b"caf\xe9 latin", b"fine"], pa.binary()), "n": [1, 2]}), out / "binary.parquet"
)
pq.write_table(table.cast(table.schema.set(1, pa.field("text", pa.large_string()))), out / "large.parquet")
pq.write_table(table, out / "sums.parquet", write_page_checksum=True, row_group_size=700)
pq.write_table(table.slice(0, 7).select(["text"]), out / "small-brotli.parquet", compression="brotli")
doc = pa.array(
    [{"body": "nested 0", "deep": {"er": "deep 0"}}, None, {"body": "nested 2", "deep": None}],
    pa.struct([("body", pa.string()), ("deep", pa.struct([("er", pa.string())]))]),
)
names = pa.schema([pa.field("doc.text", pa.string(), nullable=False), pa.field("doc", doc.type)])
pq.write_table(pa.table([pa.array([f"dotted {i}" for i in range(3)]), doc], schema=names), out / "names.parquet")
twice = pa.table([pa.array(["a"]), pa.array([[1]]), pa.array(["b"]), pa.array([[2]])], names=["text", "ids"] * 2)
pq.write_table(twice, out / "twice.parquet")
