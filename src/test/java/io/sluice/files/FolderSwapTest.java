package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class FolderSwapTest {
  @TempDir private Path temp;

  @Test
  @EnabledOnOs(OS.LINUX)
  void foldersChangePlaces() throws IOException {
    Path one = Files.createDirectory(temp.resolve("one"));
    Path other = Files.createDirectory(temp.resolve("öther"));
    Files.writeString(one.resolve("a"), "a");
    assertThat(FolderSwap.exchange(one, other)).isTrue();
    assertThat(other.resolve("a")).exists();
    assertThat(one).isEmptyDirectory();
  }

  @Test
  void nothingHappensWhereOneIsMissing() throws IOException {
    Path one = Files.createDirectory(temp.resolve("one"));
    assertThat(FolderSwap.exchange(one, temp.resolve("none"))).isFalse();
    assertThat(one).exists();
    assertThat(temp.resolve("none")).doesNotExist();
  }
}
