package io.sluice.model.loading;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.cpu.LayerBackend;
import io.sluice.torch.SplitMatrix;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The real model where products are taken of two bfloat16 parts: the same bounds hold. */
@Tag("model")
class RealModelOnSplitTest extends RealModelTest {
  @BeforeAll
  static void useSplitProducts() {
    assumeTrue(SplitMatrix.isFast(), "no matrix units, or no LibTorch with MKL");
    System.setProperty(LayerBackend.PROPERTY, "split");
  }

  @AfterAll
  static void useWhatIsFaster() {
    System.clearProperty(LayerBackend.PROPERTY);
  }
}
