/**
 * LibTorch as Java classes: finding and loading it, {@link io.sluice.torch.Tensor}, {@link
 * io.sluice.torch.Device}, {@link io.sluice.torch.TensorScope}, operators with checked shapes, and
 * its errors as {@link io.sluice.torch.TorchException}. Only this package calls the bindings.
 *
 * <p>Element types are in {@code io.sluice.memory}; algorithms are in the packages that use
 * tensors.
 */
package io.sluice.torch;
