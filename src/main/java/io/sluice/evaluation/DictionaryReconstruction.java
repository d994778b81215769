package io.sluice.evaluation;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;

/** Replaces an activation by an autoencoder's reconstruction of it. */
public final class DictionaryReconstruction extends Intervention {
  private final RunningDictionary dictionary;

  /**
   * Opens an engine for the dictionary.
   *
   * @param from the first position that is replaced
   * @throws IllegalArgumentException if the dictionary reads one hook point and writes another
   */
  public DictionaryReconstruction(Dictionary dictionary, EngineFactory engines, int from) {
    super(dictionary.config().inputWidth(), from);
    DictionaryConfig config = dictionary.config();
    if (!config.inputHook().equals(config.outputHook())) {
      throw new IllegalArgumentException(
          "the dictionary reads '%s' and writes '%s'; only an autoencoder can take an activation's place"
              .formatted(config.inputHook(), config.outputHook()));
    }
    this.dictionary = new RunningDictionary(dictionary, engines);
  }

  @Override
  Tensor replaced(Tensor rows) {
    Tensor result = Tensor.empty(DType.F32, Device.CPU, rows.size(0), rows.size(1));
    try (Arena arena = Arena.ofConfined()) {
      Rows batch = ReplacedPositions.copy(rows, arena);
      dictionary.reconstruct(batch, batch, result.data());
    }
    return result;
  }

  @Override
  public void close() {
    dictionary.close();
  }
}
