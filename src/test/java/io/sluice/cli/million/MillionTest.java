package io.sluice.cli.million;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MillionTest {
  @TempDir Path folder;

  @Test
  void refusesTheFolderOfOtherSettings() throws IOException {
    MillionFolder.open(folder, "features 512");
    MillionFolder.open(folder, "features 512");
    assertThat(catchThrowable(() -> MillionFolder.open(folder, "features 1024")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("features 512")
        .hasMessageContaining("features 1024");
  }

  @Test
  void sizesAreQuartersThatHoldMoreThanATokenNeeds() {
    assertThat(settings(1 << 20).sizes()).containsExactly(16384, 65536, 262144, 1048576);
    assertThat(settings(512).sizes()).containsExactly(128, 512);
  }

  private static MillionSettings settings(int features) {
    return new MillionSettings(
        Path.of("m"), List.of(Path.of("t")), 0, "h", features, 32, 1024, 2_000_000, 0, "cpu");
  }
}
