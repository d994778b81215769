/**
 * Reading and writing weight files: safetensors, single and sharded, GGUF, and the initialisers of
 * ONNX models. Files are memory-mapped, and their headers are treated as hostile: every count,
 * offset and length is checked before it is used.
 */
package io.sluice.weights;
