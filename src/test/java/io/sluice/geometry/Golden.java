package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** NumPy's answers, made by {@code src/test/python/geometry_golden.py}. */
final class Golden {
  private final Safetensors file;

  Golden() throws IOException {
    file = Safetensors.open(Path.of("src/test/resources/golden/geometry.safetensors"));
  }

  MemorySegment memory(String name) {
    return file.data(name);
  }

  float[] floats(String name) {
    return file.data(name).toArray(ValueLayout.JAVA_FLOAT);
  }

  double[] doubles(String name) {
    return file.data(name).toArray(ValueLayout.JAVA_DOUBLE);
  }

  long[] longs(String name) {
    return file.data(name).toArray(ValueLayout.JAVA_LONG);
  }

  /** Asserts that no value differs by more than {@code tolerance}, without printing them all. */
  static void assertClose(double[] actual, double[] expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    double worst = 0;
    for (int i = 0; i < actual.length; i++) {
      double difference = Math.abs(actual[i] - expected[i]);
      worst = difference <= worst ? worst : difference; // NaN becomes the worst
    }
    assertThat(worst).isLessThanOrEqualTo(tolerance);
  }

  int rows(String name) {
    return (int) file.shape(name)[0];
  }

  int width(String name) {
    return (int) file.shape(name)[1];
  }
}
