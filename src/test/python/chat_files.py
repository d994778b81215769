"""Writes conversations as Python's libraries have them: lists of structures of pyarrow and datasets.

Usage: chat_files.py OUT

Prints what is in them, as JSON lines.
"""

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
chats = [
    [
        {"role": role, "content": f"turn {turn} of {i}: größe 北京 🐋 \"quoted\" \\ \n\t\x01" + "whale " * (i % 30), "name": "Ishmael" if turn == 1 else None}
        for turn, role in enumerate(["user", "assistant"] * (i % 4))
    ]
    for i in range(1500)
]
chats[5] = None
chats[6] = [{"role": "user", "content": "long " * 40_000, "name": None}]
message = pa.struct([("role", pa.string()), ("content", pa.string()), ("name", pa.string())])
table = pa.table({"id": range(1500), "messages": pa.array(chats, pa.list_(message)), "text": ["x"] * 1500})
for codec in ["snappy", "zstd", "brotli"]:
    pq.write_table(table, out / f"{codec}.parquet", compression=codec, row_group_size=400)
pq.write_table(table, out / "plain.parquet", use_dictionary=False, data_page_size=2000)
pq.write_table(table, out / "v2.parquet", data_page_version="2.0", data_page_size=2000)
large = pa.large_list(pa.struct([("role", pa.large_string()), ("content", pa.large_string()), ("name", pa.string())]))
wide = table.set_column(1, "messages", pa.array(chats, large))
pq.write_table(wide, out / "large.parquet")


def write(name, table, file=False, batch=None):
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(out / name, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)


write("stream.arrow", table, batch=7)
write("file.arrow", table, file=True)
write("large.arrow", wide, batch=100)
datasets.Dataset(table).save_to_disk(out / "saved", num_shards=2)
calls = pa.table({"messages": [[{"role": "user", "calls": [{"name": "f"}]}]], "texts": [["a", "b"]], "numbers": [[{"role": "a", "n": 1}]]})
pq.write_table(calls, out / "wrong.parquet")
write("wrong.arrow", calls)
for chat in chats:
    if chat is not None:
        print(json.dumps([{k: v for k, v in message.items() if v is not None} for message in chat]))
fields = [pa.array(["user"]), pa.array(["a"]), pa.array(["b"])]
message = pa.StructArray.from_arrays(fields, names=["role", "content", "content"])
twice = pa.table({"messages": pa.ListArray.from_arrays([0, 1], message)})
pq.write_table(twice, out / "twice.parquet")
write("twice.arrow", twice)
