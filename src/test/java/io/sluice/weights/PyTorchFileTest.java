package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files of {@code torch.save}: tensors come through, and nothing else does. */
class PyTorchFileTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  @TempDir private Path folder;

  private static List<TensorData> tensors() {
    Arena arena = Arena.ofAuto();
    return List.of(
        TensorData.of(
            "a.weight",
            DType.F32,
            arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6),
            2,
            3),
        TensorData.of("k", DType.I32, arena.allocateFrom(ValueLayout.JAVA_INT, 7)),
        TensorData.of("sizes", DType.I64, arena.allocateFrom(ValueLayout.JAVA_LONG, 8, 9), 2),
        TensorData.of("empty", DType.F32, arena.allocate(0), 0, 3));
  }

  @Test
  void comesBackAsItWas() throws IOException {
    Path file = folder.resolve("t.pt");
    PyTorchWriter.write(file, tensors());
    TensorSource read = PyTorchFile.open(file);
    assertThat(read.names()).containsExactly("a.weight", "k", "sizes", "empty");
    for (TensorData tensor : tensors()) {
      String name = tensor.info().name();
      assertThat(read.info(name)).isEqualTo(tensor.info());
      MemorySegment data = read.data(name);
      assertThat(data.mismatch(tensor.data())).isEqualTo(-1);
      assertThat(data.isMapped()).isTrue();
      assertThat(data.address() % 64).as(name).isZero();
    }
    assertThatThrownBy(() -> read.data("b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'b'");
  }

  /** Nothing is copied but what lies at an odd address. */
  @Test
  void valuesAreViewsOfTheMappedFile() throws IOException {
    Path file = folder.resolve("t.pt");
    MemorySegment bytes = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1, (byte) 2);
    PyTorchWriter.write(file, List.of(TensorData.of("bytes", DType.U8, bytes, 2)));
    MemorySegment read = PyTorchFile.open(file).data("bytes");
    assertThat(read.isMapped()).isTrue();
    assertThat(read.isReadOnly()).isTrue();
    assertThat(read.toArray(ValueLayout.JAVA_BYTE)).containsExactly(1, 2);
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void pyTorchLoadsWhatIsWrittenAndIsReadInAnyLayoutAndProtocol() throws IOException {
    Path ours = folder.resolve("ours.pt");
    Path theirs = folder.resolve("theirs");
    PyTorchWriter.write(ours, tensors());
    Python.run("torch_save.py", ours, theirs);
    for (String name : List.of("plain.pt", "parameters.pt", "protocol4.pt")) {
      TensorSource read = PyTorchFile.open(theirs.resolve(name));
      assertThat(read.shape("transposed")).containsExactly(3, 2);
      assertThat(read.data("transposed").toArray(FLOAT)).containsExactly(1, 4, 2, 5, 3, 6);
      assertThat(read.data("slice").toArray(FLOAT)).containsExactly(2, 5);
      assertThat(read.dtype("half")).isEqualTo(DType.F16);
      assertThat(read.data("half").isMapped()).isTrue();
      assertThat(read.dtype("bfloat16")).isEqualTo(DType.BF16);
      assertThat(read.dtype("double")).isEqualTo(DType.F64);
      assertThat(read.dtype("long")).isEqualTo(DType.I64);
      assertThat(read.shape("scalar")).isEmpty();
    }
    assertRefused(theirs.resolve("module.pt"), "collections.Counter");
    assertRefused(theirs.resolve("legacy.pt"), "zip");
    assertRefused(theirs.resolve("expanded.pt"), "outside of its storage");
    assertRefused(theirs.resolve("nested.pt"), "'inner' is a dictionary");
    assertRefused(theirs.resolve("number.pt"), "'k' is not a tensor");
    assertRefused(theirs.resolve("complex.pt"), "torch.ComplexFloatStorage");
    assertThat(theirs.resolve("was-run")).doesNotExist();
    assertRefused(theirs.resolve("evil.pt"), "posix.system");
    assertThat(theirs.resolve("was-run")).doesNotExist();
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({
    "'cos\nsystem\n(X\u0002\u0000\u0000\u0000lstR.', os.system",
    "'cbuiltins\neval\n.', builtins.eval",
    "'c__builtin__\ngetattr\n.', __builtin__.getattr",
    "'ctorch.nn\nLinear\n.', torch.nn.Linear",
    "'i\n.', instruction 0x69",
    "'\u0081.', instruction 0x81",
    "'}X\u0001\u0000\u0000\u0000ks.', keys",
    "'s.', malformed",
    "'}h\u0005.', memo",
    "'}', truncated",
    "'', truncated",
    "'].', a list",
    "'}}K\u0001s.', keys",
    "'X\u00ff\u00ff\u00ff\u007fk.', truncated",
  })
  void refusesByNameWhatIsNoTensor(String pickle, String expected) throws IOException {
    Path file = folder.resolve("bad.pt");
    zip(file, Map.of("archive/data.pkl", pickle.getBytes(StandardCharsets.ISO_8859_1)), true);
    assertRefused(file, expected);
  }

  @Test
  void refusesZipsThatPyTorchDoesNotWrite() throws IOException {
    Path file = folder.resolve("bad.pt");
    zip(file, Map.of("archive/data.pkl", "}.".getBytes(StandardCharsets.US_ASCII)), false);
    assertRefused(file, "compressed");
    zip(file, Map.of("archive/other", new byte[3]), true);
    assertRefused(file, "0 entries named data.pkl");
    Map<String, byte[]> big = new LinkedHashMap<>();
    big.put("archive/data.pkl", "}.".getBytes(StandardCharsets.US_ASCII));
    big.put("archive/byteorder", "big".getBytes(StandardCharsets.US_ASCII));
    zip(file, big, true);
    assertRefused(file, "big-endian");
    assertRefused(folder.resolve("none.pt"), "none.pt");
  }

  @Tag("slow")
  @Test
  void damageIsAnErrorOfOneLineAndNeverAnother() throws IOException {
    Path good = folder.resolve("good.pt");
    PyTorchWriter.write(good, tensors());
    byte[] bytes = Files.readAllBytes(good);
    long seed = Seeds.seed();
    Random random = new Random(seed);
    for (int trial = 0; trial < 400; trial++) {
      byte[] bad =
          trial % 4 == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes.clone();
      for (int flips = random.nextInt(4); bad.length > 0 && flips >= 0; flips--) {
        bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Path file = folder.resolve("bad.pt");
      Files.write(file, bad);
      try {
        TensorSource read = PyTorchFile.open(file);
        for (String name : read.names()) {
          assertThat(read.data(name).byteSize()).isEqualTo(read.info(name).byteSize());
        }
      } catch (IOException e) {
        assertThat(e.getMessage()).as("seed %d", seed).contains("bad.pt").doesNotContain("\n");
      }
    }
  }

  private static void zip(Path file, Map<String, byte[]> entries, boolean stored)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, byte[]> each : entries.entrySet()) {
        ZipEntry entry = new ZipEntry(each.getKey());
        if (stored) {
          CRC32 crc = new CRC32();
          crc.update(each.getValue());
          entry.setMethod(ZipEntry.STORED);
          entry.setSize(each.getValue().length);
          entry.setCrc(crc.getValue());
        }
        zip.putNextEntry(entry);
        zip.write(each.getValue());
        zip.closeEntry();
      }
    }
    Files.write(file, bytes.toByteArray());
  }

  private static void assertRefused(Path file, String expected) {
    assertThatThrownBy(() -> PyTorchFile.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(expected)
        .hasMessageNotContaining("\n");
  }

  /** A tensor may not be made of more than its file holds. */
  @Test
  void readsNothingBeyondTheFile() throws IOException {
    Path file = folder.resolve("t.pt");
    MemorySegment values = Arena.ofAuto().allocate(8);
    PyTorchWriter.write(file, List.of(TensorData.of("a", DType.F32, values, 2)));
    byte[] bytes = Files.readAllBytes(file);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    // The number of the storage's elements, which the pickle says.
    int at = text.indexOf("cpuJ") + 4;
    bytes[at + 3] = 0x7f;
    Files.write(file, bytes);
    assertRefused(file, "8");
  }
}
