package io.sluice.lorsa.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.memory.DType;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.Contexts;
import io.sluice.testing.Python;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.training.config.Schedule;
import io.sluice.training.run.TrainingListener;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A trained Lorsa computes the same in a page of Python, from its two files. */
@Tag("python")
@Tag("slow")
class LorsaInPythonTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"tiny-neox", "tiny-gemma2", "tiny-bert"})
  void computesTheSame(String name) throws IOException {
    Python.require();
    try (LoadedModel model = AttentionStore.model(name);
        TensorScope scope = TensorScope.open()) {
      Contexts contexts =
          AttentionStore.capture(model, folder, "layers.1.attn_in,layers.1.attn_out", 200);
      int heads = 12 * model.transformer().shape().heads();
      LorsaTrainingConfig config = LorsaTrainingConfig.of(1, heads, 5, Schedule.of(3, 4));
      Path run = folder.resolve("run");
      try (LorsaTrainer trainer =
          LorsaTrainer.start(
              contexts, model.transformer().attention(1), config, Device.CPU, "run", run)) {
        trainer.run(TrainingListener.NONE);
      }
      int length = contexts.length(0);
      Tensor x = Tensor.empty(DType.F32, Device.CPU, 1, length, 24);
      contexts.read("layers.1.attn_in", new int[] {0}, length, x.data());
      Path given = folder.resolve("x.safetensors");
      Path out = folder.resolve("out.safetensors");
      Safetensors.write(
          given, List.of(TensorData.of("x", DType.F32, x.data(), length, 24)), Map.of());
      Python.run("run_lorsa.py", run.toString(), given.toString(), out.toString());
      float[] expected = Safetensors.open(out).data("output").toArray(ValueLayout.JAVA_FLOAT);
      try (LorsaEngine engine = LorsaEngine.running(Lorsa.load(run).weights(), Device.CPU)) {
        float[] actual = engine.output(new LorsaBatch(x, null, new int[] {length}, 0)).toFloats();
        for (int i = 0; i < expected.length; i++) {
          assertThat(actual[i]).as("value %d", i).isCloseTo(expected[i], within(2e-4f));
        }
      }
    }
  }
}
