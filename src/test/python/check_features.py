"""Opens a folder of features with pyarrow, checks that its files fit together, and prints what they
hold.

usage: check_features.py FOLDER
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.ipc


def table(path):
    read = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    read.validate(full=True)
    return read


def main(folder):
    folder = pathlib.Path(folder)
    manifest = json.loads((folder / "features.json").read_text())
    assert manifest["format"] == "sluice.features/1"
    for name, entry in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert len(data) == entry["bytes"], name
        assert hashlib.sha256(data).hexdigest() == entry["sha256"], name
        assert table(folder / name).num_rows == entry["rows"], name
    features = table(folder / "features.arrow")
    contexts = table(folder / "contexts.arrow")
    first = table(folder / "contexts_index.arrow")["first"].to_numpy()
    text = table(folder / "tokens.arrow")["text"].to_pylist()
    documents = table(folder / "documents.arrow")
    count = features["count"].to_numpy()
    histogram = np.array(features["histogram"].to_pylist())
    assert (histogram.sum(1) == count).all()
    assert np.allclose(features["density"].to_numpy(), count / manifest["tokens"])
    feature = contexts["feature"].to_numpy()
    assert (np.searchsorted(feature, np.arange(len(count) + 1)) == first).all()
    shown = []
    for context in contexts.to_pylist():
        at = context["position"] - context["first"]
        assert context["activations"][at] == context["activation"]
        begin = documents["first_row"][context["document"]].as_py()
        assert begin + context["position"] == context["row"]
        shown.append("".join(text[token] for token in context["tokens"]))
    print(
        json.dumps(
            {
                "count": count.tolist(),
                "dead": features["dead"].to_pylist(),
                "active_share": features["active_share"].to_pylist(),
                "similar": features["similar"].to_pylist(),
                "texts": shown,
                "documents": documents["name"].to_pylist(),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
