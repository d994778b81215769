package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In processes of their own, since LibTorch is found once per process. */
@Tag("slow")
class DoctorCommandTest {
  @TempDir Path folder;

  private CommandProcess doctor(String... options) throws Exception {
    return CommandProcess.run(folder, options, "doctor");
  }

  @Test
  void saysWhatWasFound() throws Exception {
    CommandProcess doctor = doctor();
    assertThat(doctor.status()).as(doctor.out() + doctor.err()).isZero();
    assertThat(doctor.out())
        .contains("JDK ", Runtime.version().toString(), "LibTorch ", "Vectors ", "Arrow ", "cpu")
        .doesNotContain("MISSING");
    assertThat(doctor.err()).isEmpty();
  }

  @Test
  void explainsWhereLibTorchIsMissingAndEndsWithStatusOne() throws Exception {
    CommandProcess doctor = doctor("-Dsluice.libtorch=/no/such/folder");
    assertThat(doctor.status()).isEqualTo(1);
    assertThat(doctor.out())
        .contains("LibTorch    MISSING", "-> ", "/no/such/folder", "Arrow ", "JDK ");
    assertThat(doctor.err()).isEmpty();
  }

  @Test
  void jsonHoldsTheSameFindings() throws Exception {
    CommandProcess doctor = CommandProcess.run(folder, new String[0], "doctor", "--json");
    JsonNode root = new ObjectMapper().readTree(doctor.out());
    assertThat(root.get("format").asText()).isEqualTo("sluice.doctor/1");
    assertThat(root.get("findings").findValuesAsText("name"))
        .contains("JDK", "LibTorch", "Threads", "Device", "Vectors", "Arrow");
  }
}
