package io.sluice.training.start;

import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

/** Samples of a store that several runs share, each read once. Used by one thread. */
public final class SharedSample {
  private record Key(
      String hook, int rows, long dataSeed, OptionalInt fromPosition, double heldOut) {}

  /** Takes a sample. */
  interface Source {
    Sample take() throws IOException;
  }

  private final Map<Key, Sample> taken = new HashMap<>();

  /** The sample that {@code config} asks for, taken from {@code source} the first time. */
  Sample of(TrainingConfig config, Source source) throws IOException {
    Key key =
        new Key(
            config.hook(),
            config.sampleRows(),
            config.dataSeed(),
            config.fromPosition(),
            config.heldOut());
    Sample sample = taken.get(key);
    if (sample == null) {
      sample = source.take();
      taken.put(key, sample);
    }
    return sample;
  }
}
