package io.sluice.model.bert;

import io.sluice.model.cpu.LayerBackend;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Encoders give the same where LibTorch runs their layers. */
@Tag("model")
class BertParityOnLibTorchTest extends BertParityTest {
  @BeforeAll
  static void useLibTorch() {
    System.setProperty(LayerBackend.PROPERTY, "libtorch");
  }
}
