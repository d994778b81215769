"""Opens an activation store with the packages that read Arrow files, by its folder.

usage: open_store.py PAGE STORE HOOK

Runs the Python of the page's section "Read a store" in the folder that holds STORE, which the page
calls "activations". Prints one JSON object: by package the rows, the sum of the token ids, and the
sum of the absolute values of the hook point; null where the package has no such type.
"""

import json
import os
import pathlib
import re
import sys

import numpy as np


def main(page, store, hook):
    store = pathlib.Path(store)
    os.environ.setdefault("HF_HOME", str(store.parent / "hf"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    os.chdir(store.parent)
    text = pathlib.Path(page).read_text()
    section = re.search(r"^## Read a store\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", section, re.M | re.S):
        code = block.replace("layers.3.attn_out", hook).replace('"activations', f'"{store.name}')
        exec(compile(code, page, "exec"), names)

    def seen(rows, ids, values):
        values = None if values is None else float(np.abs(np.asarray(values, "float64")).sum())
        return {"rows": int(rows), "ids": int(ids), "values": values}

    def stacked(lists):
        return np.stack([np.asarray(each, "float64") for each in lists])

    table = names["rows"].to_table()
    flat = table[hook].combine_chunks().flatten().to_numpy()
    hf, lazy, frame = names["hf"], names["lazy"].collect(), names["frame"]
    columns = hf.with_format("numpy")[:]
    print(
        json.dumps(
            {
                "pyarrow": seen(table.num_rows, table["token_id"].to_numpy().sum(), flat),
                "shard": seen(len(names["x"]), names["table"]["token_id"].to_numpy().sum(), names["x"]),
                "datasets": seen(hf.num_rows, columns["token_id"].sum(), stacked(columns[hook])),
                "polars": seen(lazy.height, lazy["token_id"].sum(), stacked(lazy[hook])),
                "pandas": seen(len(frame), frame["token_id"].sum(), stacked(frame[hook])),
                "duckdb": seen(*names["counts"].fetchall()[0], None),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
