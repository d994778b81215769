package io.sluice.model.bert;

import io.sluice.model.cpu.LayerBackend;
import org.junit.jupiter.api.BeforeAll;

/** Encoders give the same where LibTorch runs their layers. */
class BertParityOnLibTorchTest extends BertParityTest {
  @BeforeAll
  static void useLibTorch() {
    System.setProperty(LayerBackend.PROPERTY, "libtorch");
  }
}
