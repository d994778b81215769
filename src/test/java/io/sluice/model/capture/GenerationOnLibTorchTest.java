package io.sluice.model.capture;

import io.sluice.model.cpu.LayerBackend;
import org.junit.jupiter.api.BeforeAll;

/** The same with layers that LibTorch runs. */
class GenerationOnLibTorchTest extends GenerationTest {
  @BeforeAll
  static void onLibTorch() {
    System.setProperty(LayerBackend.PROPERTY, "libtorch");
  }
}
