package io.sluice.model.bert;

import io.sluice.model.cpu.LayerBackend;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Encoders beside BERT give the same where LibTorch runs their layers. */
@Tag("model")
class EncoderParityOnLibTorchTest extends EncoderParityTest {
  @BeforeAll
  static void useLibTorch() {
    System.setProperty(LayerBackend.PROPERTY, "libtorch");
  }
}
