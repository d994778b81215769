/**
 * Reading and writing weight files: safetensors, single and sharded, GGUF, the initialisers and
 * nodes of ONNX models, and the tensors in PyTorch's files. Files are memory-mapped, and their
 * headers are treated as hostile: every count, offset and length is checked before it is used.
 */
package io.sluice.weights;
