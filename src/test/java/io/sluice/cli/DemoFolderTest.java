package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoFolderTest {
  @TempDir Path folder;

  @Test
  void replacesWhatAnEarlierDemoLeftAndNothingElse() throws Exception {
    DemoFolder first = DemoFolder.prepare(folder.resolve("a/demo"));
    Files.createDirectories(first.activations());
    Files.writeString(first.activations().resolve(".manifest.json"), "old");
    Files.writeString(first.report(), "old");
    Files.writeString(first.root().resolve("notes.txt"), "mine");
    DemoFolder second = DemoFolder.prepare(folder.resolve("a/demo"));
    assertThat(second.activations()).doesNotExist();
    assertThat(second.report()).doesNotExist();
    assertThat(second.root().resolve("notes.txt")).hasContent("mine");
    assertThat(second.bytes()).isEqualTo(4);
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("a", "demo"));
    assertThat(DemoFolder.prepare(link).bytes()).isEqualTo(4);
  }

  @Test
  void refusesAFolderThatIsNotADemos() throws Exception {
    Files.createDirectories(folder.resolve("thesis/runs"));
    Files.writeString(folder.resolve("thesis/runs/results.txt"), "mine");
    assertThatThrownBy(() -> DemoFolder.prepare(folder.resolve("thesis")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("--out " + folder.resolve("thesis"))
        .hasMessageContaining("name another folder");
    assertThat(folder.resolve("thesis/runs/results.txt")).hasContent("mine");
  }

  @Test
  void refusesAFile() throws Exception {
    Path file = Files.writeString(folder.resolve("notes"), "mine");
    assertThatThrownBy(() -> DemoFolder.prepare(file)).hasMessageContaining("is a file");
    assertThat(file).hasContent("mine");
  }
}
