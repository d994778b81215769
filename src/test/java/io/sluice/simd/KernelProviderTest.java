package io.sluice.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.simd.blocks.BlockFormat;
import java.io.File;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What a program that embeds the kernels is told about them. */
@Tag("slow")
class KernelProviderTest {
  @Test
  void aJvmWithoutTheVectorApiIsToldOnceOnStandardError() throws Exception {
    String told = standardError();
    assertThat(told.lines()).as(told).hasSize(1);
    assertThat(told).startsWith("sluice: ").contains("--add-modules=jdk.incubator.vector");
  }

  @Test
  void nobodyIsToldWhoAskedForScalarKernels() throws Exception {
    assertThat(standardError("-Dsluice.simd=scalar")).isEmpty();
  }

  /** What a JVM without flags prints while it uses kernels; SLF4J has a binding that is silent. */
  private static String standardError(String... flags) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(flags));
    command.add("-Dslf4j.provider=org.slf4j.helpers.NOP_FallbackServiceProvider");
    command.add("-Dslf4j.internal.verbosity=ERROR");
    command.add("-cp");
    command.add(
        String.join(
            File.pathSeparator,
            place(KernelProvider.class),
            place(KernelProviderTest.class),
            place(LoggerFactory.class)));
    command.add(Program.class.getName());
    Process child =
        new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    String told = new String(child.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(child.waitFor()).as(told).isZero();
    return told;
  }

  private static String place(Class<?> type) throws URISyntaxException {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
  }

  /** What runs in that process. */
  static final class Program {
    private Program() {}

    /** Asks for kernels twice. */
    public static void main(String[] args) {
      System.out.println(KernelProvider.name());
      BlockFormat.Q8_0.dequantise(
          MemorySegment.ofArray(new byte[34]), 0, 1, MemorySegment.ofArray(new float[32]), 0);
    }
  }
}
