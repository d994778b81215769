package io.sluice.model.causal;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.cpu.LayerBackend;
import io.sluice.torch.SplitMatrix;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Causal models give the same, as near as any, where products are taken of two bfloat16 parts. */
@Tag("model")
class CausalParityOnSplitTest extends CausalParityTest {
  @BeforeAll
  static void useSplitProducts() {
    assumeTrue(SplitMatrix.isAvailable(), "this LibTorch multiplies no bfloat16 by MKL");
    System.setProperty(LayerBackend.PROPERTY, "split");
  }

  /** Products have some fourteen times the error of float32's. */
  @Override
  double tolerance() {
    return 1e-3;
  }
}
