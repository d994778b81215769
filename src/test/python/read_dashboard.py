"""Reads batch files with SAEDashboard's own classes and compares what they write with what was read.

Usage: read_dashboard.py FOLDER; prints the number of features. Needs sae-dashboard.
"""

import json
import pathlib
import sys

from sae_dashboard.neuronpedia.neuronpedia_dashboard import NeuronpediaDashboardBatch

features = 0
for file in sorted(pathlib.Path(sys.argv[1]).glob("batch-*.json")):
    written = json.loads(file.read_text())
    batch = NeuronpediaDashboardBatch(**written)
    again = batch.to_dict()
    assert json.loads(json.dumps(again)) == {**written, "sae_id_suffix": again["sae_id_suffix"]}, file
    for feature in batch.features:
        for activation in feature.activations:
            assert len(activation.tokens) == len(activation.values), file
            assert 0 <= activation.qualifying_token_index < len(activation.tokens), file
    features += len(batch.features)
print(features)
