package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.simd.KernelProvider;
import io.sluice.testing.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * C2 inlines all that the kernels of a training step do with vectors. A method of too many of its
 * nodes is compiled, too, but calls what it reaches last, with vectors as objects: the step is then
 * right, and slow.
 */
@Tag("slow")
class KernelInliningTest {
  /** A call that is not inlined since the method around it has become too large. */
  private static final Pattern TOO_LARGE =
      Pattern.compile("@ \\d+ +(\\S+) .*NodeCountInliningCutoff");

  private static final String VECTORS =
      "(jdk\\.incubator\\.vector\\.|io\\.sluice\\.simd\\..*Vector).*";

  @ParameterizedTest
  @ValueSource(strings = {"any", "directions"})
  void nothingWithVectorsIsLeftOut(String screen) throws IOException, InterruptedException {
    assumeTrue(KernelProvider.vectorBits() >= 256, "no vector units");
    String kernels = "io.sluice.simd.*::*";
    Process child =
        ChildJvm.start(
            Main.class,
            "1g",
            List.of(
                "-Dsluice.screen=" + screen,
                "-XX:+UnlockDiagnosticVMOptions",
                "-XX:CompileCommand=quiet",
                "-XX:CompileCommand=PrintInlining," + kernels),
            List.of(
                "bench", "step", "--rounds", "3", "--threads", "1", "--shapes", "384x8192x512"));
    List<String> lines = new ArrayList<>();
    int inlined = 0;
    try (BufferedReader output = child.inputReader(StandardCharsets.UTF_8)) {
      for (String line; (line = output.readLine()) != null; ) {
        Matcher left = TOO_LARGE.matcher(line);
        if (left.find() && left.group(1).matches(VECTORS)) {
          lines.add(line.strip());
        }
        inlined += line.contains("(intrinsic)") ? 1 : 0;
      }
    }
    assertThat(child.waitFor()).isZero();
    assertThat(inlined).as("calls of the Vector API that became instructions").isGreaterThan(100);
    assertThat(lines).isEmpty();
  }
}
