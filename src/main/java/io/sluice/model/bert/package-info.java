/**
 * Encoders of the BERT family, from HuggingFace's files and from ONNX files: the configuration, the
 * names of tensors, the layers, and the check that an ONNX graph computes the same. Only this
 * package depends on the architecture. What causal models share belongs in {@code model.causal}.
 */
package io.sluice.model.bert;
