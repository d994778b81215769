package io.sluice.dictionary;

import io.sluice.engine.EngineFactory;
import io.sluice.engine.MachineMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Whether memory holds what a dictionary on disk needs when it encodes: its weights once, the
 * encoder rounded to int8, and some numbers for each feature. It is found out from the sizes of
 * files, before they are read.
 */
public final class DictionaryMemory {
  /** Biases, clocks, norms, counts and similar features. */
  private static final long BYTES_OF_A_FEATURE = 128;

  /** A dictionary may have as few values as this for each feature. */
  private static final long FEWEST_BYTES_OF_A_FEATURE = 8;

  private static final long JVM_BYTES = 400_000_000;

  /** What CUDA and the libraries that multiply there take of a GPU. */
  private static final long CUDA_BYTES = 500_000_000;

  private DictionaryMemory() {}

  /**
   * Checks that the machine, or the GPU where engines keep weights there, holds a dictionary in
   * Sluice's format, or a cross-layer transcoder. If files are missing, the code that reads them
   * says so.
   *
   * @throws IOException if it does not; the message says how many features would fit
   */
  public static void require(Path folder, EngineFactory engines) throws IOException {
    if (CrossLayerDictionary.isIn(folder)) {
      long weights = 0;
      int features = 0;
      for (String layer : CrossLayerDictionary.layerNames(folder)) {
        weights += size(folder.resolve(layer).resolve(DictionaryFiles.WEIGHTS));
        features += DictionaryFiles.features(folder.resolve(layer)).orElse(0);
      }
      require(folder, weights, OptionalInt.of(features), engines);
    } else {
      long weights = size(folder.resolve(DictionaryFiles.WEIGHTS));
      require(folder, weights, DictionaryFiles.features(folder), engines);
    }
  }

  /**
   * The same for the files of another library.
   *
   * @param weights bytes of the weights, in float32
   */
  public static void requireForeign(Path folder, long weights, EngineFactory engines)
      throws IOException {
    require(folder, weights, OptionalInt.empty(), engines);
  }

  private static long size(Path file) throws IOException {
    return Files.isRegularFile(file) ? Files.size(file) : 0;
  }

  private static void require(
      Path folder, long weights, OptionalInt features, EngineFactory engines) throws IOException {
    OptionalLong gpu = engines.gpuBytes();
    if (gpu.isPresent()) {
      require(folder, weights, features, CUDA_BYTES, "the GPU", gpu.getAsLong());
    } else {
      require(folder, weights, features, JVM_BYTES, "this machine", MachineMemory.bytes());
    }
  }

  /**
   * The same for a place and the bytes it has.
   *
   * @param weights bytes of encoder and decoder
   * @param features how many there are, where that is known
   * @param fixed bytes that do not depend on them
   */
  static void require(
      Path folder, long weights, OptionalInt features, long fixed, String where, long total)
      throws IOException {
    double count = Math.min(features.orElse(0), (double) weights / FEWEST_BYTES_OF_A_FEATURE);
    double needed = 1.125 * weights + BYTES_OF_A_FEATURE * count;
    if (needed + fixed <= total) {
      return;
    }
    double share = Math.max(0, total - fixed) / needed;
    String fitting =
        count > 0
            ? String.format(Locale.ROOT, "up to %,d features of its widths", (long) (share * count))
            : String.format(Locale.ROOT, "up to %,d MB of weights", (long) (share * weights / 1e6));
    throw new IOException(
        String.format(
            Locale.ROOT,
            "%s: its %s take %,d MB in memory, more than the %,d MB that %s has; %s fit",
            folder,
            count > 0 ? String.format(Locale.ROOT, "%,d features", (long) count) : "weights",
            (long) ((needed + fixed) / 1e6),
            total / 1_000_000,
            where,
            fitting));
  }
}
