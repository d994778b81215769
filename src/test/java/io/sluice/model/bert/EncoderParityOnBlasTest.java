package io.sluice.model.bert;

import io.sluice.model.cpu.LayerBackend;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Encoders beside BERT give the same where a BLAS multiplies. */
@Tag("model")
class EncoderParityOnBlasTest extends EncoderParityTest {
  @BeforeAll
  static void useBlas() {
    System.setProperty(LayerBackend.PROPERTY, "blas");
  }
}
