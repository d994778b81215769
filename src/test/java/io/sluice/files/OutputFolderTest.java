package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several files are there together, or none is; and links lead nowhere. */
class OutputFolderTest {
  private static final String BITS = ".0123456789abcdef.tmp";

  @TempDir Path parent;

  private static void both(Path folder) throws IOException {
    Files.writeString(folder.resolve("a-config"), "config");
    Files.writeString(folder.resolve("weights"), "weights");
  }

  @Test
  void aFolderIsNotThereBeforeAllOfItIs() throws IOException {
    Path out = parent.resolve("deep/out");
    OutputFolder.write(
        out,
        "a-config",
        folder -> {
          both(folder);
          assertThat(out).doesNotExist();
        });
    assertThat(files(out)).containsExactly("a-config", "weights");
    assertThat(files(out.getParent())).containsExactly("out");
  }

  @Test
  void anEmptyFolderIsFilledAtOnce() throws IOException {
    Path out = Files.createDirectory(parent.resolve("out"));
    OutputFolder.write(
        out,
        "a-config",
        folder -> {
          both(folder);
          assertThat(files(out)).isEmpty();
        });
    assertThat(files(out)).containsExactly("a-config", "weights");
    assertThat(files(parent)).containsExactly("out");
  }

  @Test
  void otherFilesOfAFolderStay() throws IOException {
    Path out = Files.createDirectory(parent.resolve("out"));
    Files.writeString(out.resolve("notes"), "mine");
    OutputFolder.write(out, "a-config", OutputFolderTest::both);
    assertThat(files(out)).containsExactly("a-config", "notes", "weights");
    Files.delete(out.resolve("a-config"));
    assertThatThrownBy(() -> OutputFolder.write(out, "a-config", OutputFolderTest::both))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining(out.resolve("weights").toString());
    assertThat(files(out)).containsExactly("notes", "weights");
  }

  @Test
  void whatFailsLeavesNothingAndIsNamedAsItWouldBeFound() throws IOException {
    Path out = parent.resolve("out");
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    out,
                    "a-config",
                    folder -> {
                      both(folder);
                      throw new IOException(folder.resolve("weights") + ": no room");
                    }))
        .isInstanceOf(IOException.class)
        .hasMessage(out.resolve("weights") + ": no room");
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    out,
                    "a-config",
                    folder -> {
                      both(folder);
                      throw new IllegalArgumentException("has no such thing");
                    }))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(files(parent)).isEmpty();
  }

  @Test
  void whatAKilledProcessLeftIsDeletedAndALivingOnesIsNot() throws Exception {
    Process ended = new ProcessBuilder("java", "-version").start();
    assumeTrue(ended.waitFor() >= 0, "no process");
    Path left = Files.createDirectory(parent.resolve("out." + ended.pid() + BITS));
    Files.writeString(left.resolve("weights"), "half");
    Path living =
        Files.createDirectory(parent.resolve("out." + ProcessHandle.current().pid() + BITS));
    Path others = Files.createDirectory(parent.resolve("other." + ended.pid() + BITS));
    OutputFolder.write(parent.resolve("out"), "a-config", OutputFolderTest::both);
    assertThat(left).doesNotExist();
    assertThat(living).exists();
    assertThat(others).exists();
  }

  @Test
  void filesAreNotOpenedThroughLinks() throws IOException {
    Path elsewhere = Files.writeString(parent.resolve("elsewhere"), "mine");
    Path out = Files.createDirectory(parent.resolve("out"));
    Path link = Files.createSymbolicLink(out.resolve("metrics"), elsewhere);
    assertThatThrownBy(() -> OutputFolder.open(out, link, StandardOpenOption.APPEND).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(link + ": is a link")
        .hasMessageContaining("delete it");
    Path dangling = Files.createSymbolicLink(out.resolve("b"), Path.of("/tmp/does/not/exist"));
    assertThatThrownBy(() -> OutputFolder.open(out, dangling, StandardOpenOption.CREATE).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is a link");
    Path inner = Files.createSymbolicLink(out.resolve("cells"), parent);
    assertThatThrownBy(() -> OutputFolder.requireNoLink(out, inner.resolve("elsewhere")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(inner + ": is a link");
    assertThat(elsewhere).hasContent("mine");

    // The folder itself is one's own choice.
    Path named = Files.createSymbolicLink(parent.resolve("named"), out);
    Path plain = named.resolve("plain");
    try (FileChannel file = OutputFolder.open(named, plain, StandardOpenOption.CREATE)) {
      file.write(ByteBuffer.wrap(new byte[] {65}));
    }
    assertThat(out.resolve("plain")).hasContent("A");
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
