package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.Mutations;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NumpyArchiveTest {
  @TempDir(factory = InMemory.class)
  private Path folder;

  /** An entry of the zip file. */
  private record Entry(String name, byte[] bytes, boolean deflated) {}

  private static final String SIX = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

  private static byte[] array(int version, String header, byte[] values) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) version, 0});
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer length = ByteBuffer.allocate(version == 1 ? 2 : 4).order(ByteOrder.LITTLE_ENDIAN);
    if (version == 1) {
      length.putShort((short) text.length);
    } else {
      length.putInt(text.length);
    }
    out.write(length.array());
    out.write(text);
    out.write(values);
    return out.toByteArray();
  }

  private static byte[] floats(ByteOrder order, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(order);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }

  private Path write(Entry... entries) throws IOException {
    Path file = folder.resolve("params.npz");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (Entry entry : entries) {
        ZipEntry made = new ZipEntry(entry.name);
        if (!entry.deflated) {
          CRC32 sum = new CRC32();
          sum.update(entry.bytes);
          made.setMethod(ZipEntry.STORED);
          made.setSize(entry.bytes.length);
          made.setCrc(sum.getValue());
        }
        zip.putNextEntry(made);
        zip.write(entry.bytes);
        zip.closeEntry();
      }
    }
    return file;
  }

  private Path six(String header) throws IOException {
    byte[] values = floats(ByteOrder.LITTLE_ENDIAN, 1, 2, 3, 4, 5, 6);
    return write(new Entry("a.npy", array(1, header, values), false));
  }

  @Test
  void readsEveryOrderTheSame() throws IOException {
    byte[] little = floats(ByteOrder.LITTLE_ENDIAN, 1, 2, 3, 4, 5, 6);
    byte[] columns = floats(ByteOrder.BIG_ENDIAN, 1, 4, 2, 5, 3, 6);
    NumpyArchive archive =
        NumpyArchive.open(
            write(
                new Entry("stored.npy", array(1, SIX, little), false),
                new Entry("deflated.npy", array(2, SIX + "\n", little), true),
                new Entry(
                    "columns.npy",
                    array(
                        3,
                        "{'shape': (2, 3), 'fortran_order': True, 'descr': \">f4\"}   \n",
                        columns),
                    true),
                new Entry(
                    "one.npy",
                    array(1, "{'descr': '<i8', 'fortran_order': False, 'shape': ()}", new byte[8]),
                    false),
                new Entry(
                    "none.npy",
                    array(
                        1,
                        "{'descr': '|u1', 'fortran_order': True, 'shape': (0L, 4)}",
                        new byte[0]),
                    false)));
    assertThat(archive.names()).hasSize(5);
    for (String name : List.of("stored", "deflated", "columns")) {
      assertThat(archive.info(name).dtype()).isEqualTo(DType.F32);
      assertThat(archive.info(name).shape()).containsExactly(2, 3);
      assertThat(archive.data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
          .as(name)
          .containsExactly(1, 2, 3, 4, 5, 6);
    }
    assertThat(archive.info("one").shape()).isEmpty();
    assertThat(archive.data("none").byteSize()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}; Python objects",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4)}; has 8 values of 4 bytes each, but takes 24",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}; has 6 values of 8 bytes each",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}; malformed",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999999, 999999999999999999)}; more values than fit",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}; malformed",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}; type '<c8'",
        "{'descr': '|V2', 'fortran_order': False, 'shape': (12,)}; type '|V2'",
        "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,)}; records",
        "{'descr': '<f4', 'fortran_order': False}; malformed",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}; malformed",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}; malformed",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} + x; malformed",
        "__import__('os').system('x'); malformed",
      })
  void namesWhatIsWrongInAHeader(String header, String expected) throws IOException {
    Path file = six(header);
    refused(file, expected);
  }

  @Test
  void namesWhatIsWrongWithTheFile() throws IOException {
    Path file = six(SIX);
    byte[] good = Files.readAllBytes(file);
    NumpyArchive.open(file);
    byte[] bad = good.clone();
    bad[30 + "a.npy".length() + 10 + SIX.length() + 3] ^= 1;
    Files.write(file, bad);
    refused(file, "checksum of array 'a'");
    Files.write(file, java.util.Arrays.copyOf(good, good.length / 2));
    refused(file, "is not a zip file");
    Files.write(file, new byte[0]);
    refused(file, "is not a zip file");
    Files.delete(file);
    assertThatThrownBy(() -> NumpyArchive.open(file)).hasMessageContaining(file.toString());
    refused(write(new Entry("readme.txt", new byte[9], false)), "'readme.txt' is no array");
    refused(write(new Entry("a.npy", new byte[9], false)), "not in NumPy's format");
    refused(write(new Entry("a.npy", array(4, SIX, new byte[24]), false)), "version 4");
    refused(write(new Entry("a.npy", new byte[] {(byte) 0x93, 'N'}, false)), "ends too early");
  }

  @Test
  void aSmallFileDoesNotFillMemory() throws IOException {
    byte[] zeros = new byte[40 << 20];
    String header = "{'descr': '|u1', 'fortran_order': False, 'shape': (" + zeros.length + ",)}";
    refused(
        write(new Entry("a.npy", array(1, header, zeros), true)), "unpacks to more than 16 times");
  }

  private static void refused(Path file, String expected) {
    assertThatThrownBy(() -> NumpyArchive.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(expected)
        .hasMessageNotContaining("\n");
  }

  @Tag("fuzz")
  @Test
  void damagedFilesAreReadOrRefused() throws IOException {
    byte[] values = floats(ByteOrder.LITTLE_ENDIAN, 1, 2, 3, 4, 5, 6);
    List<byte[]> files = new ArrayList<>();
    for (boolean deflated : new boolean[] {false, true}) {
      Path file =
          write(
              new Entry("a.npy", array(1, SIX, values), deflated),
              new Entry("b.npy", array(2, SIX.replace("False", "True"), values), deflated));
      files.add(Files.readAllBytes(file));
    }
    Path file = folder.resolve("params.npz");
    int read =
        FuzzRun.run(
            "NumpyArchiveTest",
            FuzzRun.MUTATIONS,
            file,
            random -> {
              byte[] bad = Mutations.mutate(files.get(random.nextInt(2)), random);
              Files.write(file, bad);
              return bad.length;
            },
            () -> NumpyArchive.open(file));
    assertThat(read).isBetween(FuzzRun.MUTATIONS / 100, FuzzRun.MUTATIONS * 19 / 20);
  }
}
