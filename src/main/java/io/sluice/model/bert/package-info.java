/**
 * Encoders: BERT and RoBERTa from HuggingFace's files and from ONNX files, and ModernBERT. The
 * configurations, the names of tensors, the layers, and the check that an ONNX graph computes the
 * same. Only this package depends on these architectures. What causal models share belongs in
 * {@code model.causal}.
 */
package io.sluice.model.bert;
