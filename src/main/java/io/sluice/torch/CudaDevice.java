package io.sluice.torch;

/**
 * A GPU as the CUDA driver describes it.
 *
 * @param index its number
 * @param name for instance {@code NVIDIA H100 80GB HBM3}
 * @param memoryBytes its memory
 * @param computeCapability for instance {@code 9.0}
 */
public record CudaDevice(int index, String name, long memoryBytes, String computeCapability) {}
