package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskNeedTest {
  @TempDir private Path temp;

  @Test
  void moreThanATenthOfWhatIsFreeIsLarge() {
    assertThat(new DiskNeed(temp, 100, 1000).isLarge()).isFalse();
    assertThat(new DiskNeed(temp, 101, 1000).isLarge()).isTrue();
    assertThat(new DiskNeed(temp, 1, 0).isLarge()).isTrue();
  }

  @Test
  void saysBothSizes() {
    assertThat(new DiskNeed(Path.of("store"), 1536, 30L << 30).text())
        .isEqualTo("store: will take about 1.5 KiB of the disk, 30.0 GiB are free");
    assertThat(new DiskNeed(Path.of("store"), 5L << 20, 7L << 50).text())
        .isEqualTo("store: will take about 5.0 MiB of the disk, 7168.0 TiB are free");
  }

  @Test
  void asksTheFileSystemOfAFolderThatIsYetToBeMade() throws IOException {
    DiskNeed need = DiskNeed.of(temp.resolve("not").resolve("yet"), 1);
    assertThat(need.free()).isPositive();
  }
}
