/**
 * Encoders of the BERT family, from HuggingFace's files and from ONNX files: the configuration, the
 * names of tensors, the layers, and the check that a graph computes what they do. Nothing else
 * knows this architecture.
 */
package io.sluice.model.bert;
