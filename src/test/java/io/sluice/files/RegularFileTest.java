package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RegularFileTest {
  @TempDir Path folder;

  @Test
  void opensFilesAndLinksToThem() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "text");
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    try (FileChannel channel = RegularFile.open(link)) {
      assertThat(channel.size()).isEqualTo(4);
    }
    assertThat(RegularFile.bytes(link, 4)).asString().isEqualTo("text");
    assertThatThrownBy(() -> RegularFile.bytes(file, 3))
        .isInstanceOf(IOException.class)
        .hasMessage(file + ": has 4 bytes, more than the 3 that are read; check it");
    assertThatThrownBy(() -> RegularFile.open(folder.resolve("none")))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void refusesWhatWaitsOrHasNoEnd() throws IOException, InterruptedException {
    Path pipe = folder.resolve("pipe");
    assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0, "no mkfifo");
    assertRefused(pipe, "is a pipe, not a regular file; give a file");
    assertRefused(Files.createSymbolicLink(folder.resolve("to"), pipe), "is a pipe");
    assertRefused(Path.of("/dev/zero"), "is a device, not a regular file; give a file");
    assertRefused(folder, "is a folder; give a file");
    Path socket = folder.resolve("s");
    try (ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.bind(UnixDomainSocketAddress.of(socket));
      assertRefused(socket, "is a socket");
    }
  }

  private static void assertRefused(Path file, String why) {
    assertThatThrownBy(() -> RegularFile.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": " + why);
    assertThatThrownBy(() -> RegularFile.bytes(file, 100))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": " + why);
  }
}
