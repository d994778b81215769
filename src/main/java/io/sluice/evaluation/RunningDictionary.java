package io.sluice.evaluation;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.Rows;
import java.lang.foreign.MemorySegment;

/** A dictionary in an engine that only runs it. It owns memory until it is closed. */
final class RunningDictionary implements AutoCloseable {
  private final DictionaryConfig config;
  private final Engine engine;

  RunningDictionary(Dictionary dictionary, EngineFactory engines) {
    this.config = dictionary.config();
    this.engine = dictionary.open(engines);
  }

  DictionaryConfig config() {
    return config;
  }

  /**
   * Reconstructs some rows.
   *
   * @param input what it reads
   * @param target finite rows of the width that it writes: an engine compares while it decodes, but
   *     nobody asks for the error
   * @param written gets the reconstruction, float32 {@code [n, outputWidth]}; may be the target's
   *     memory
   */
  void reconstruct(Rows input, Rows target, MemorySegment written) {
    engine.encode(input, config.activation());
    engine.decode(target, false);
    engine.readReconstruction(written);
  }

  @Override
  public void close() {
    engine.close();
  }
}
