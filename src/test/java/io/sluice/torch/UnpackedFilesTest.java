package io.sluice.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files in a cache are those of the class path, whatever happened to the cache. */
class UnpackedFilesTest {
  private static final byte[] ONE = "the white whale".getBytes(StandardCharsets.UTF_8);
  private static final byte[] OTHER = "a squid".getBytes(StandardCharsets.UTF_8);

  @TempDir Path folder;

  private Path cache;
  private Path unpacked;
  private UnpackedFiles files;

  @BeforeEach
  void makeAJar() throws IOException {
    Path jar = folder.resolve("some.jar");
    try (OutputStream out = Files.newOutputStream(jar);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> entry :
          List.of(Map.entry("one.so", ONE), Map.entry("other.so", OTHER))) {
        zip.putNextEntry(new ZipEntry(entry.getKey()));
        zip.write(entry.getValue());
      }
    }
    cache = folder.resolve("cache");
    unpacked = cache.resolve("library");
    files =
        new UnpackedFiles(
            unpacked, Map.of("one.so", inJar(jar, "one.so"), "other.so", inJar(jar, "other.so")));
  }

  @Test
  void areUnpackedOnceAndLeaveNothingElse() throws IOException {
    files.provide();
    FileTime written = Files.getLastModifiedTime(unpacked);
    files.provide();
    assertWhole();
    assertThat(Files.getLastModifiedTime(unpacked)).isEqualTo(written);
  }

  @Test
  void anotherSizeIsNoticed() throws IOException {
    files.provide();
    Files.write(unpacked.resolve("one.so"), new byte[3]);
    assertThat(files.areWhole()).isFalse();
    files.provide();
    assertWhole();
  }

  @Test
  void anotherContentOfTheSameSizeIsNoticed() throws IOException {
    files.provide();
    Path file = unpacked.resolve("one.so");
    byte[] changed = ONE.clone();
    changed[4] ^= 1;
    Files.write(file, changed);
    Files.setLastModifiedTime(file, FileTime.from(Instant.parse("2030-01-01T00:00:00Z")));
    assertThat(files.areWhole()).isFalse();
    files.provide();
    assertWhole();
  }

  @Test
  void aCopyOfTheCacheIsReadOnceAndIsGood() throws IOException {
    files.provide();
    Path file = unpacked.resolve("other.so");
    Files.setLastModifiedTime(file, FileTime.from(Instant.parse("2030-01-01T00:00:00Z")));
    String before = Files.readString(unpacked.resolve("unpacked.txt"));
    assertThat(files.areWhole()).isTrue();
    assertThat(Files.readString(unpacked.resolve("unpacked.txt"))).isNotEqualTo(before);
    // Caches of before there was a record.
    Files.delete(unpacked.resolve("unpacked.txt"));
    assertThat(files.areWhole()).isTrue();
    assertWhole();
  }

  @Test
  void whatAKilledProcessLeftIsRemoved() throws IOException {
    Path killed = Files.createDirectories(cache.resolve("unpacking-1"));
    Files.write(killed.resolve("lock"), new byte[0]);
    Files.write(killed.resolve("one.so"), new byte[1000]);
    Path older = Files.createDirectories(cache.resolve("unpacking-2"));
    Files.setLastModifiedTime(older, FileTime.from(Instant.parse("2020-01-01T00:00:00Z")));
    Files.write(Files.createDirectories(cache.resolve("damaged-3")).resolve("one.so"), new byte[9]);
    Path strange = Files.createDirectories(cache.resolve("models"));
    files.provide();
    assertThat(entries(cache)).containsExactlyInAnyOrder(unpacked, strange);
  }

  @Test
  void whatAnotherProcessIsFillingStays() throws IOException {
    Path filling = Files.createDirectories(cache.resolve("unpacking-1"));
    try (FileChannel channel =
            FileChannel.open(
                filling.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = channel.lock()) {
      files.provide();
      assertThat(lock.isValid()).isTrue();
      assertThat(entries(cache)).containsExactlyInAnyOrder(unpacked, filling);
    }
    files.provide();
    assertWhole();
  }

  @Test
  void aCacheThatCannotBeMadeIsAnError() throws IOException {
    Files.write(cache, new byte[1]);
    assertThatThrownBy(() -> files.provide()).isInstanceOf(IOException.class);
  }

  private void assertWhole() throws IOException {
    assertThat(unpacked.resolve("one.so")).hasBinaryContent(ONE);
    assertThat(unpacked.resolve("other.so")).hasBinaryContent(OTHER);
    assertThat(files.areWhole()).isTrue();
    assertThat(entries(cache)).containsExactly(unpacked);
    assertThat(entries(unpacked)).hasSize(3);
  }

  private static URL inJar(Path jar, String name) throws IOException {
    return URI.create("jar:" + jar.toUri() + "!/" + name).toURL();
  }

  private static List<Path> entries(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
