"""Writes texts as Python's libraries pack them: gzip, zstandard, json, pyarrow and datasets.

Usage: dataset_texts.py OUT
"""

import gzip
import json
import os
import pathlib
import sys

out = pathlib.Path(sys.argv[1])
os.environ["HF_HOME"] = str(out / "hf")
os.environ["HF_DATASETS_CACHE"] = str(out / "cache")

import datasets
import pyarrow as pa
import zstandard

datasets.disable_progress_bars()
texts = [f"document {i}: größe 北京 🐋 " + "whale " * (i % 50) for i in range(2500)]
texts[9] = "long " * 40_000
rows = [{"id": i, "text": text} for i, text in enumerate(texts)]
lines = "".join(json.dumps(row) + "\n" for row in rows)
array = json.dumps(rows, indent=1)
plain = json.dumps(texts, ensure_ascii=False)
for name, text in [("lines.jsonl", lines), ("objects.json", array), ("strings.json", plain), ("all.txt", lines)]:
    (out / name).write_text(text, encoding="utf-8")
    with gzip.open(out / f"{name}.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    with zstandard.open(out / f"{name}.zst", "wt", encoding="utf-8") as file:  # Frames without a length.
        file.write(text)
# A long window, as zstd --long=27 makes.
parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27, enable_ldm=True)
(out / "window.jsonl.zst").write_bytes(
    zstandard.ZstdCompressor(compression_params=parameters).compress(lines.encode())
)

saved = datasets.Dataset.from_list(rows)
saved.save_to_disk(out / "saved", num_shards=3)
computed = datasets.load_from_disk(out / "saved").map(lambda row: {"text": "computed"})
assert list((out / "saved").glob("cache-*.arrow"))
parts = datasets.DatasetDict({"train": saved.select(range(1000)), "test": saved.select(range(1000, 1003))})
parts.save_to_disk(out / "parts")
loaded = datasets.load_dataset("json", data_files=str(out / "lines.jsonl"), split="train")
loaded.map(lambda row: {"text": "computed"})
cached = pathlib.Path(loaded.cache_files[0]["filename"]).parent
(out / "cached").symlink_to(cached)

nested = pa.array(
    [{"body": "nested 0", "deep": {"er": "deep 0"}}, None, {"body": None, "deep": None}],
    pa.struct([("body", pa.string()), ("deep", pa.struct([("er", pa.string())]))]),
)
union = pa.UnionArray.from_dense(pa.array([0, 0, 0], pa.int8()), pa.array([0, 1, 2], pa.int32()), [pa.array([1, 2, 3])])
table = pa.table({
    "list": pa.array([["x"], None, []]),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())),
    "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
    "nothing": pa.nulls(3),
    "fixed": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int32(), 2)),
    "union": union,
    "doc": nested,
    "doc.text": ["dotted 0", "dotted 1", "dotted 2"],
    "large": pa.array(["large 0", None, "large 2"], pa.large_string()),
    "binary": pa.array([b"caf\xe9 latin", b"fine", b""]),
    "view": pa.array(["a view", "of a text that is long", None], pa.string_view()),
    "last": ["last 0", "last 1", "last 2"],
})


def write(name, table, file=False, options=None, batch=None):
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(out / name, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=batch)


write("stream.arrow", table, batch=2)
write("file.arrow", table, file=True, batch=2)
write("old.arrow", table.drop(["union", "view", "last"]), options=pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4))
write("zstd.arrow", table, options=pa.ipc.IpcWriteOptions(compression="zstd"))
write("legacy.arrow", table.drop(["union"]), options=pa.ipc.IpcWriteOptions(use_legacy_format=True))
write("empty.arrow", table.slice(0, 0))
write("twice.arrow", pa.table([pa.array(["a"]), pa.nulls(1), pa.array(["b"])], names=["text", "other", "text"]))
