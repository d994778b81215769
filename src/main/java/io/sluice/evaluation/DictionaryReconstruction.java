package io.sluice.evaluation;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Replaces an activation by an autoencoder's reconstruction of it. */
public final class DictionaryReconstruction extends Intervention {
  private final DictionaryConfig config;
  private final Engine engine;

  /**
   * Opens an engine for the dictionary.
   *
   * @param from the first position that is replaced
   * @throws IllegalArgumentException if the dictionary reads one hook point and writes another
   */
  public DictionaryReconstruction(Dictionary dictionary, EngineFactory engines, int from) {
    super(dictionary.config().inputWidth(), from);
    this.config = dictionary.config();
    if (!config.inputHook().equals(config.outputHook())) {
      throw new IllegalArgumentException(
          "the dictionary reads '%s' and writes '%s'; only an autoencoder can take an activation's place"
              .formatted(config.inputHook(), config.outputHook()));
    }
    this.engine = dictionary.open(engines);
  }

  @Override
  Tensor replaced(Tensor rows) {
    Device device = rows.device();
    int count = Math.toIntExact(rows.size(0));
    int width = config.inputWidth();
    Tensor result = Tensor.empty(DType.F32, Device.CPU, count, width);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate((long) count * width * Float.BYTES, 64);
      rows.copyTo(memory);
      Rows batch = new Rows(memory, DType.F32, count, width);
      engine.encode(batch, config.activation());
      engine.decode(batch, false);
      engine.readReconstruction(result.data());
    }
    return result.to(device);
  }

  @Override
  public void close() {
    engine.close();
  }
}
