package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.TinyModel;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Causal models give the same where LibTorch runs their layers. */
@Tag("model")
class CausalParityOnLibTorchTest extends CausalParityTest {
  @BeforeAll
  static void useLibTorch() {
    System.setProperty(LayerBackend.PROPERTY, "libtorch");
  }

  @Test
  void float32WeightsAreUsedWhereTheyLie() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      if (!model.transformer().device().isCuda()) {
        assertThat(model.transformer().outputProjection(2).isReadOnly()).isTrue();
      }
    }
  }
}
