package io.sluice.torch.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.CommandProcess;
import io.sluice.testing.Python;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What LibTorch says of its kernels, through {@code sluice doctor}. */
class CpuKernelsTest {
  private static final String LAUNCHER = Path.of("bin/sluice").toAbsolutePath().toString();

  @TempDir private Path folder;

  @Test
  void aDesignHasVendorFamilyAndModel() {
    String text =
        "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
            + "model name\t: Some Processor\nstepping\t: 8\n\nprocessor\t: 1\nmodel\t\t: 9\n";
    assertThat(CpuKernels.design(text)).isEqualTo("GenuineIntel 6 143");
    assertThat(CpuKernels.design("processor : 0\n")).isEqualTo("an unknown processor");
  }

  @Test
  @Tag("slow")
  void areThoseThatTheEnvironmentAsksFor() throws Exception {
    Assumptions.assumeTrue(System.getProperty("os.arch").equals("amd64"), "names of x86");
    Assumptions.assumeTrue(System.getenv("LIBTORCH") == null, "another LibTorch than Maven's");
    assertThat(kernels(Map.of("ATEN_CPU_CAPABILITY", "default", "OPENBLAS_CORETYPE", "Nehalem")))
        .isEqualTo("LibTorch DEFAULT, OpenBLAS Nehalem");
  }

  @Test
  @Tag("slow")
  @Tag("python")
  void areThoseThatPythonNames() throws Exception {
    Path python = Python.require();
    String code =
        "import torch; print(torch.__path__[0]); print(torch.backends.cpu.get_cpu_capability())";
    CommandProcess oracle =
        CommandProcess.run(folder, Map.of(), List.of(python.toString(), "-c", code));
    assertThat(oracle.status()).as(oracle.err()).isZero();
    List<String> lines = oracle.out().lines().toList();
    assertThat(kernels(Map.of("LIBTORCH", lines.get(0))))
        .startsWith("LibTorch " + lines.get(1) + ", MKL on ");
  }

  private String kernels(Map<String, String> environment) throws Exception {
    CommandProcess doctor =
        CommandProcess.run(folder, environment, List.of(LAUNCHER, "doctor", "--json"));
    for (JsonNode finding : new ObjectMapper().readTree(doctor.out()).get("findings")) {
      if (finding.get("name").asText().equals("Kernels")) {
        return finding.get("value").asText();
      }
    }
    throw new AssertionError(doctor.out() + doctor.err());
  }
}
