/**
 * Reading and writing weight files: safetensors, single and sharded, GGUF, the initialisers and
 * nodes of ONNX models, and the tensors in PyTorch's files. Files are memory-mapped, and their
 * headers come from strangers: every count, offset and length is checked before it is used.
 *
 * <p>What a format holds belongs here; what a model makes of it is in {@code io.sluice.model}, and
 * dictionaries of other libraries are in {@code io.sluice.dictionary.formats}.
 */
package io.sluice.weights;
