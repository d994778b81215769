/**
 * Reads and writes weight files: safetensors, single and sharded, GGUF, the initialisers and nodes
 * of ONNX models, the tensors in PyTorch's files and the arrays in NumPy's archives. Files are
 * memory-mapped, and their headers are untrusted input: every count, offset and length is checked
 * before it is used. What the tensors of a model mean belongs in {@code model}.
 */
package io.sluice.weights;
