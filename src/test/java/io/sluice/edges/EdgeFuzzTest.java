package io.sluice.edges;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.testing.Seeds;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever a public method of the kernels and of the tensors is called with, it returns or throws;
 * it ends no process and comes to an end. {@code -Dsluice.calls} is how many calls each package
 * gets; {@code -Dsluice.seed} repeats those of another run.
 */
@Tag("fuzz")
class EdgeFuzzTest {
  private static final long SEED = Seeds.seed();

  /** Calls of one process: less is lost when one fails, and its log stays short. */
  private static final long CALLS_AT_ONCE = 100_000;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"io.sluice.memory", "io.sluice.simd", "io.sluice.torch"})
  void anyArgumentsAreAnsweredOrRefused(String name) throws Exception {
    boolean torch = name.endsWith("torch");
    assumeTrue(!torch || Torch.isAvailable(), "no LibTorch");
    assumeTrue(System.getProperty("os.name").equals("Linux"), "guarded memory is Linux's");
    long calls = Long.getLong("sluice.calls", torch ? 4_000 : 8_000);
    for (long first = 0; first < calls; first += CALLS_AT_ONCE) {
      run(name, first, Math.min(calls, first + CALLS_AT_ONCE));
    }
  }

  private void run(String name, long first, long end) throws IOException, InterruptedException {
    Path log = folder.resolve("call");
    Path output = folder.resolve("output");
    List<String> command =
        new ArrayList<>(
            List.of(
                // What is asked for in earnest by an odd size shall fail, not fill the machine.
                "/bin/sh",
                "-c",
                "ulimit -v 12000000; ulimit -c 0; exec \"$@\"",
                "sh",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-XX:ReservedCodeCacheSize=128m",
                "-XX:CompressedClassSpaceSize=64m",
                "-XX:TieredStopAtLevel=" + (end - first > 20_000 ? 4 : 1),
                "-XX:ErrorFile=" + folder.resolve("error"),
                "--enable-native-access=ALL-UNNAMED",
                "--add-modules=jdk.incubator.vector",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"));
    for (String property : List.of("sluice.libtorch", "sluice.edges.cuda")) {
      if (System.getProperty(property) != null) {
        command.add("-D" + property + "=" + System.getProperty(property));
      }
    }
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            EdgeCalls.class.getName(),
            name,
            Long.toString(SEED),
            Long.toString(first),
            Long.toString(end),
            log.toString()));
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    boolean ended = process.waitFor(15 + (end - first) / 100, TimeUnit.SECONDS);
    if (!ended) {
      process.destroyForcibly().waitFor();
    }
    String said = Files.readString(output);
    assertThat(process.exitValue())
        .as(
            "seed %d, %s%n%s",
            SEED, CallLog.read(log), said.substring(0, Math.min(4000, said.length())))
        .isZero();
    System.out.println(said.lines().filter(line -> line.startsWith(name)).findFirst().orElse(""));
  }

  @Test
  void findsThePublicEntries() throws Exception {
    assertThat(EdgeCalls.publicEntries("io.sluice.simd"))
        .hasSizeGreaterThan(150)
        .anyMatch(entry -> entry.toString().contains("RowProduct.multiplyGated"))
        .anyMatch(entry -> entry.toString().contains("RowNorm.apply"));
    assertThat(EdgeCalls.publicEntries("io.sluice.torch"))
        .hasSizeGreaterThan(150)
        .anyMatch(entry -> entry.toString().contains("NeuralOperators.attend"))
        .anyMatch(entry -> entry.toString().contains("WeightMatrix.multiply"));
  }
}
