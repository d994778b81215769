package io.sluice.model.capture;

import io.sluice.model.cpu.LayerBackend;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The same with layers that LibTorch runs. */
@Tag("model")
class GenerationOnBlasTest extends GenerationTest {
  @BeforeAll
  static void onLibTorch() {
    System.setProperty(LayerBackend.PROPERTY, "blas");
  }
}
