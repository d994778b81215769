package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file is there whole, or what was there before is. */
class AtomicFileTest {
  private static final Path FULL_DEVICE = Path.of("/dev/full");

  @TempDir Path folder;
  private Path target;

  @BeforeEach
  void writeWhatIsThereBefore() throws IOException {
    target = folder.resolve("file.json");
    Files.writeString(target, "before");
  }

  @Test
  void replacesTheFileByTextBytesAndContent() throws IOException {
    AtomicFile.write(target, "größer");
    assertThat(target).hasContent("größer");
    AtomicFile.write(target, new byte[] {1, 2});
    assertThat(target).hasBinaryContent(new byte[] {1, 2});
    int written = AtomicFile.write(target, file -> file.write(ByteBuffer.wrap(new byte[] {3})));
    assertThat(written).isEqualTo(1);
    assertThat(target).hasBinaryContent(new byte[] {3});
    assertThat(files()).containsExactly(target);
  }

  @Test
  void writesPiecesInAnyOrder() throws IOException {
    try (AtomicFile file = AtomicFile.open(target)) {
      file.write(ByteBuffer.wrap(new byte[] {2, 3}), 1);
      file.write(ByteBuffer.wrap(new byte[] {1}), 0);
      assertThat(target).hasContent("before");
      file.commit();
      assertThat(file.isOpen()).isFalse();
      assertThat(target).hasBinaryContent(new byte[] {1, 2, 3});
    }
    assertThat(target).hasBinaryContent(new byte[] {1, 2, 3});
  }

  @Test
  void replacesALinkAndNotWhatItPointsTo() throws IOException {
    for (Path elsewhere : List.of(target.getFileName(), Path.of("nowhere"))) {
      Path link = Files.createSymbolicLink(folder.resolve("link"), elsewhere);
      AtomicFile.write(link, "after");
      assertThat(Files.isSymbolicLink(link)).isFalse();
      assertThat(link).hasContent("after");
      assertThat(target).hasContent("before");
      assertThat(folder.resolve("nowhere")).doesNotExist();
      Files.delete(link);
    }
  }

  @Test
  void temporaryNamesAreOtherEachTimeAndKnownAsSuch() throws IOException {
    Set<Path> names = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      try (AtomicFile file = AtomicFile.open(target)) {
        file.write(ByteBuffer.wrap(new byte[] {1}), 0);
        Path temporary =
            files().stream().filter(each -> !each.equals(target)).findFirst().orElseThrow();
        assertThat(AtomicFile.isLeftover(temporary)).isTrue();
        assertThat(AtomicFile.finalName(temporary)).isEqualTo("file.json");
        names.add(temporary);
      }
    }
    assertThat(names).hasSize(100);
    assertThat(AtomicFile.isLeftover(Path.of("notes.abc.tmp"))).isFalse();
    assertThat(AtomicFile.finalName(Path.of("notes.abc.tmp"))).isEqualTo("notes.abc.tmp");
  }

  @Test
  void takesNoDevicesOrPipes() throws Exception {
    Path pipe = folder.resolve("pipe");
    assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0, "no mkfifo");
    assertThatThrownBy(() -> AtomicFile.write(pipe, "after"))
        .isInstanceOf(IOException.class)
        .hasMessage(pipe + ": is a device or a pipe; name a file");
    assertThat(files()).containsExactlyInAnyOrder(target, pipe);
  }

  @Test
  void deletesWhatAKilledProcessLeft() throws IOException {
    Path other = Files.createFile(folder.resolve("other.tmp"));
    Files.createFile(folder.resolve("file.json.4711.tmp"));
    Files.createFile(folder.resolve("file.json.0123456789abcdef.tmp"));
    Files.createSymbolicLink(folder.resolve("link.4711.tmp"), target);
    AtomicFile.deleteLeftovers(folder);
    assertThat(files()).containsExactlyInAnyOrder(target, other);
  }

  @Test
  void aFolderThatCannotBeMadeIsNamed() {
    Path below = target.resolve("folder");
    assertThatThrownBy(() -> OutputFolder.make(target))
        .isInstanceOf(IOException.class)
        .hasMessage(target + ": is a file; name another folder");
    assertThatThrownBy(() -> OutputFolder.make(below))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(below + ": cannot be made (")
        .hasMessageEndingWith("); choose another folder");
  }

  @Test
  void hasThePermissionsOfAnyNewFile() throws IOException {
    assumeTrue(Files.getFileStore(folder).supportsFileAttributeView("posix"), "no POSIX modes");
    Path plain = Files.createFile(folder.resolve("plain"));
    AtomicFile.write(target, "after");
    assertThat(Files.getPosixFilePermissions(target))
        .isEqualTo(Files.getPosixFilePermissions(plain));
  }

  @Test
  void fullDiskLeavesWhatWasThereAndNamesTheFile() throws IOException {
    assumeTrue(Files.exists(FULL_DEVICE), "no /dev/full on this system");
    assertThatThrownBy(
            () ->
                AtomicFile.write(
                    target,
                    file -> {
                      // What the system says of a disk that is full, from a device that always is.
                      try (FileChannel full =
                          FileChannel.open(FULL_DEVICE, StandardOpenOption.WRITE)) {
                        return full.write(ByteBuffer.allocate(8));
                      }
                    }))
        .isInstanceOf(IOException.class)
        .hasMessage(
            target
                + ": cannot be written (No space left on device); make room or choose another"
                + " folder");
    assertThat(target).hasContent("before");
    assertThat(files()).containsExactly(target);
    AtomicFile.write(target, "after");
    assertThat(target).hasContent("after");
  }

  @Test
  void failureOfTheContentLeavesWhatWasThere() throws IOException {
    assertThatThrownBy(
            () ->
                AtomicFile.write(
                    target,
                    file -> {
                      file.write(ByteBuffer.allocate(8));
                      throw new IllegalStateException("stopped");
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("stopped");
    AtomicFile.open(target).close();
    assertThat(target).hasContent("before");
    assertThat(files()).containsExactly(target);
  }

  @Test
  void refusesTwoWritersOfOneFile() throws IOException {
    try (AtomicFile first = AtomicFile.open(target)) {
      first.write(ByteBuffer.wrap(new byte[] {1}), 0);
      assertThatThrownBy(() -> AtomicFile.write(target, "second"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(target.toString());
      first.commit();
    }
    assertThat(target).hasBinaryContent(new byte[] {1});
  }

  @Test
  void saysWhereAFileCannotBe() {
    Path nowhere = folder.resolve("nowhere").resolve("file.json");
    assertThatThrownBy(() -> AtomicFile.write(nowhere, ""))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(nowhere + ": its folder does not exist");
    assertThatThrownBy(() -> AtomicFile.write(folder, ""))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder + ": is a folder");
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
