package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.Dictionary;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Inputs, and what a dictionary makes of them; see {@code src/test/python/foreign_dictionaries.py}.
 *
 * @param codes {@code [rows, features]}
 * @param reconstruction {@code [rows, width]}
 */
record ForeignRun(float[] codes, float[] reconstruction) {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Folders that the libraries wrote, each with what they compute. */
  static List<Path> goldenFolders() {
    try (Stream<Path> folders =
        Files.list(Path.of(ForeignRun.class.getResource("/golden/dictionaries").toURI()))) {
      return folders.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static ForeignRun expected(Path folder) throws IOException {
    return read(folder.resolve("expected.safetensors"));
  }

  static ForeignRun read(Path file) throws IOException {
    Safetensors tensors = Safetensors.open(file);
    return new ForeignRun(
        tensors.data("codes").toArray(FLOAT), tensors.data("reconstruction").toArray(FLOAT));
  }

  /** What Sluice makes of the inputs of a golden folder. */
  static ForeignRun of(Dictionary dictionary, Path golden, EngineFactory engines)
      throws IOException {
    Safetensors tensors = Safetensors.open(golden.resolve("expected.safetensors"));
    int count = (int) tensors.shape("x")[0];
    int features = dictionary.config().features();
    int width = dictionary.config().outputWidth();
    try (Arena arena = Arena.ofShared();
        Engine engine = dictionary.open(engines)) {
      MemorySegment x = arena.allocate(tensors.data("x").byteSize(), 64);
      x.copyFrom(tensors.data("x"));
      Rows rows = new Rows(x, DType.F32, count, dictionary.config().inputWidth());
      engine.encode(rows, dictionary.config().activation());
      MemorySegment zeros = arena.allocate(4L * count * width, 64);
      engine.decode(new Rows(zeros, DType.F32, count, width), false);
      MemorySegment reconstruction = arena.allocate(4L * count * width, 64);
      engine.readReconstruction(reconstruction);
      float[] dense = new float[count * features];
      Codes codes = engine.codes();
      for (int row = 0; row < count; row++) {
        for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
          dense[row * features + codes.feature(entry)] = codes.value(entry);
        }
      }
      return new ForeignRun(dense, reconstruction.toArray(FLOAT));
    }
  }

  /** Agrees to 1e-5 of the largest value. */
  void assertAgrees(ForeignRun expected, String what) {
    assertClose(codes, expected.codes, what + ", codes");
    assertReconstructs(expected, what);
  }

  /** Agrees in what is decoded, whatever unit the codes have. */
  void assertReconstructs(ForeignRun expected, String what) {
    assertClose(reconstruction, expected.reconstruction, what + ", reconstruction");
  }

  private static void assertClose(float[] found, float[] expected, String what) {
    assertThat(found).as(what).hasSameSizeAs(expected);
    double largest = 0;
    double worst = 0;
    for (int i = 0; i < found.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      worst = Math.max(worst, Math.abs(expected[i] - found[i]));
    }
    assertThat(worst / largest).as(what).isLessThan(1e-5);
  }
}
