package io.sluice.dictionary;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A dictionary that memory cannot hold is refused by the sizes of its files. */
class DictionaryMemoryTest {
  private static final long GB = 1_000_000_000;
  private static final int MILLION = 1 << 20;
  private static final long WEIGHTS = 2L * MILLION * 576 * Float.BYTES;

  @TempDir private Path folder;

  private void require(long weights, OptionalInt features, long total) throws IOException {
    DictionaryMemory.require(folder, weights, features, GB / 2, "this machine", total);
  }

  @Test
  void saysHowManyFeaturesFit() {
    assertThatCode(() -> require(WEIGHTS, OptionalInt.of(MILLION), 7 * GB))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> require(WEIGHTS, OptionalInt.of(MILLION), 4 * GB))
        .isInstanceOf(IOException.class)
        .hasMessage(
            folder
                + ": its 1,048,576 features take 6,070 MB in memory, more than the 4,000 MB that"
                + " this machine has; up to 658,885 features of its widths fit");
    // As many as it says.
    long fewer = WEIGHTS / MILLION * 658_885;
    assertThatCode(() -> require(fewer, OptionalInt.of(658_885), 4 * GB))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> require(fewer + 3_000_000, OptionalInt.of(659_500), 4 * GB))
        .hasMessageContaining("fit");
    assertThatThrownBy(() -> require(WEIGHTS, OptionalInt.empty(), 4 * GB))
        .hasMessageContainingAll("its weights take 5,", "up to 3,", "MB of weights fit");
  }

  /** A damaged file may say any number. */
  @Test
  void believesTheSizeOfTheWeightsMoreThanTheConfig() {
    assertThatCode(() -> require(1000, OptionalInt.of(Integer.MAX_VALUE), GB))
        .doesNotThrowAnyException();
  }

  private void write(Path into) throws IOException {
    Files.createDirectories(into);
    Files.writeString(
        into.resolve("dictionary.json"),
        "{\"format\":\"sluice.dictionary/1\",\"features\":500000000}");
    try (RandomAccessFile sparse =
        new RandomAccessFile(into.resolve("dictionary.safetensors").toFile(), "rw")) {
      sparse.setLength(1000 * GB);
    }
  }

  @Test
  void countsTheFilesOfAFolderAndOfAllLayers() throws IOException {
    EngineFactory cpu = EngineFactory.reference();
    DictionaryMemory.require(folder, cpu);
    write(folder.resolve("one"));
    assertThatThrownBy(() -> DictionaryMemory.require(folder.resolve("one"), cpu))
        .hasMessageContainingAll("500,000,000 features", "that this machine has");
    write(folder.resolve("cross/layer-00"));
    write(folder.resolve("cross/layer-01"));
    Files.writeString(
        folder.resolve("cross/cross-layer.json"),
        "{\"format\":\"sluice.cross-layer/1\",\"layers\":[\"layer-00\",\"layer-01\"]}");
    assertThatThrownBy(() -> DictionaryMemory.require(folder.resolve("cross"), cpu))
        .hasMessageContainingAll("1,000,000,000 features", "cross");
    EngineFactory gpu =
        new EngineFactory() {
          @Override
          public Engine open(EngineSpec spec, DictionaryParameters initial) {
            throw new UnsupportedOperationException("only asked what it has");
          }

          @Override
          public OptionalLong gpuBytes() {
            return OptionalLong.of(80 * GB);
          }
        };
    assertThatThrownBy(() -> DictionaryMemory.require(folder.resolve("one"), gpu))
        .hasMessageContaining("80,000 MB that the GPU has");
  }
}
