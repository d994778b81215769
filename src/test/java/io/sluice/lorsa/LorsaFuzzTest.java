package io.sluice.lorsa;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.memory.DType;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.JsonMutations;
import io.sluice.testing.Mutations;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Lorsa configurations and weights that are damaged: read, or refused in one line. */
@Tag("fuzz")
class LorsaFuzzTest {
  @TempDir(factory = InMemory.class)
  private Path folder;

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void isReadOrRefusedInOneLine() throws IOException {
    LorsaSpec spec = new LorsaSpec(6, 5, 8, 2, 4, new float[] {1, 0.1f}, 0.5, 0, 0, true, 3, false);
    Map<LorsaTensor, MemorySegment> memory = new EnumMap<>(LorsaTensor.class);
    List<TensorData> tensors = new ArrayList<>();
    for (LorsaTensor tensor : LorsaTensor.values()) {
      memory.put(tensor, Arena.ofAuto().allocate(4 * tensor.elements(spec), 64));
      tensors.add(TensorData.of(tensor.label(), DType.F32, memory.get(tensor), tensor.shape(spec)));
    }
    new Lorsa(
            new LorsaConfig("tiny", "layers.0.attn_in", "layers.0.attn_out", 1, spec),
            new LorsaWeights(spec, memory))
        .save(folder);
    Path config = folder.resolve("lorsa.json");
    byte[] json = Files.readAllBytes(config);
    // Without the metadata, which repeat the configuration and carry checksums.
    Path weights = folder.resolve("lorsa.safetensors");
    Safetensors.write(weights, tensors, Map.of());
    byte[] bytes = Files.readAllBytes(weights);
    int read =
        FuzzRun.run(
            "LorsaFuzzTest",
            FuzzRun.MUTATIONS,
            folder,
            random -> {
              boolean both = random.nextInt(4) == 0;
              Files.write(
                  config, both && random.nextBoolean() ? json : JsonMutations.mutate(json, random));
              Files.write(weights, both ? Mutations.mutate(bytes, 700, random) : bytes);
              return json.length + bytes.length;
            },
            () -> Lorsa.load(folder));
    assertThat(read).isBetween(FuzzRun.MUTATIONS / 100, FuzzRun.MUTATIONS * 19 / 20);
  }
}
