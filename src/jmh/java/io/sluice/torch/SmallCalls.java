package io.sluice.torch;

/**
 * The same small operators through one library, on the same numbers; each returns something of the
 * result and frees it. An implementation is loaded only where it is measured: each library has a
 * LibTorch of its own, and a process holds one.
 */
interface SmallCalls extends AutoCloseable {
  /** ReLU of four floats. */
  long relu();

  /** The sum of two tensors of four floats. */
  long add();

  /** The product of two tensors of four floats, element by element. */
  long product();

  /** {@code [1, 384] x [384, 384]}. */
  long matrixProduct();

  @Override
  void close();
}
