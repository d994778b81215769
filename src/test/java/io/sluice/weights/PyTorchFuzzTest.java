package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.Mutations;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of {@code torch.save} with damage in the zip file's directory, in the pickle's instructions
 * and anywhere: each gives tensors, or ends in one line that names the file. Nothing hangs or takes
 * memory out of proportion.
 *
 * <p>How many there are is the system property {@code sluice.mutations}; {@code make fuzz} runs
 * 100,000.
 */
@Tag("fuzz")
class PyTorchFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 3000);
  private static final FuzzRun.Memory MOST = new FuzzRun.Memory(16L << 20, 128);

  @TempDir(factory = InMemory.class)
  private Path folder;

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void givesTensorsOrIsRefusedInOneLine() throws IOException {
    Random fixed = new Random(1);
    Path file = folder.resolve("damaged.pt");
    Files.write(file, StoredZip.of(entries(pickle(fixed, 0), fixed)).bytes());
    assertThat(PyTorchFile.open(file).names()).hasSize(4);
    int read =
        FuzzRun.run(
            "PyTorchFuzzTest",
            MUTATIONS,
            file,
            MOST,
            random -> {
              StoredZip zip = StoredZip.of(entries(pickle(random, random.nextInt(3)), random));
              if (random.nextBoolean()) {
                zip.damage(random);
              }
              byte[] bytes = zip.bytes();
              Files.write(file, random.nextInt(3) == 0 ? Mutations.mutate(bytes, random) : bytes);
              return bytes.length;
            },
            () -> read(file));
    assertThat(read).isBetween(MUTATIONS / 100, MUTATIONS - MUTATIONS / 100);
  }

  @Test
  void entriesThatOverlapTakeNoMoreThanTheFile() throws IOException {
    Path file = folder.resolve("overlap.pt");
    int tensors = 200;
    int elements = 1 << 16;
    ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    pickle.writeBytes(ascii("\u0080\u0002}("));
    for (int i = 0; i < tensors; i++) {
      pickle.writeBytes(tensor("t" + i, Integer.toString(i), elements, new int[] {elements}));
    }
    pickle.writeBytes(ascii("u."));
    StoredZip zip = new StoredZip();
    zip.add("a/data.pkl", pickle.toByteArray());
    zip.add("a/data/0", new byte[4 * elements]);
    for (int i = 1; i < tensors; i++) {
      zip.alias("a/data/" + i, "a/data/0");
    }
    Files.write(file, zip.bytes());
    assertThat(Files.size(file)).isLessThan(8L * elements);
    assertThatThrownBy(() -> PyTorchFile.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": has entries longer than the file itself");
  }

  @Test
  void shapesOfManyDimensionsAreRefusedBeforeTheyAreRepeated() throws IOException {
    Path file = folder.resolve("dimensions.pt");
    StringBuilder pickle = new StringBuilder("\u0080\u0002(");
    pickle.append("K\u0001".repeat(100_000)).append("tq\u0000");
    pickle.append(
        "ctorch._utils\n_rebuild_tensor_v2\n((X\u0007\0\0\0storagectorch\nFloatStorage\n");
    pickle.append("X\u0001\0\0\0aX\u0003\0\0\0cpuK\u0001tQK\u0000h\u0000h\u0000tR.");
    StoredZip zip = new StoredZip();
    zip.add("a/data.pkl", ascii(pickle.toString()));
    Files.write(file, zip.bytes());
    assertThatThrownBy(() -> PyTorchFile.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("a tensor has 100000 dimensions");
  }

  private static void read(Path file) throws IOException {
    TensorSource read = PyTorchFile.open(file);
    for (String name : read.names()) {
      assertThat(read.data(name).byteSize()).isEqualTo(read.info(name).byteSize());
    }
  }

  private static StoredZip.Entry[] entries(byte[] pickle, Random random) {
    byte[] values = new byte[48];
    random.nextBytes(values);
    return new StoredZip.Entry[] {
      new StoredZip.Entry("a/data.pkl", pickle),
      new StoredZip.Entry("a/byteorder", ascii("little")),
      new StoredZip.Entry("a/data/0", values),
      new StoredZip.Entry("a/data/1", new byte[16]),
      new StoredZip.Entry("a/version", ascii("3\n"))
    };
  }

  /**
   * A dictionary of four tensors, of whose instructions some come twice, elsewhere or otherwise.
   */
  private static byte[] pickle(Random random, int changes) {
    List<byte[]> parts = new ArrayList<>();
    parts.add(ascii("\u0080\u0002"));
    parts.add(ascii("}"));
    parts.add(ascii("("));
    parts.add(tensor("weight", "0", 12, new int[] {3, 4}));
    parts.add(tensor("again", "0", 12, new int[] {2, 3}));
    parts.add(tensor("bias", "1", 4, new int[] {4}));
    parts.add(tensor("k", "1", 4, new int[] {}));
    parts.add(ascii("u"));
    for (int i = 0; i < changes; i++) {
      int at = 1 + random.nextInt(parts.size() - 1);
      switch (random.nextInt(5)) {
        case 0 -> parts.remove(at);
        case 1 -> parts.add(at, parts.get(1 + random.nextInt(parts.size() - 1)));
        case 2 -> parts.set(at, Mutations.mutate(parts.get(at), random));
        case 3 -> parts.add(at, ascii(instructions(random).repeat(1 << random.nextInt(12))));
        default -> parts.add(at, ascii(instructions(random)));
      }
    }
    parts.add(ascii("."));
    ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    parts.forEach(pickle::writeBytes);
    return pickle.toByteArray();
  }

  private static String instructions(Random random) {
    String[] known = {
      "}",
      "]",
      ")",
      "(",
      "N",
      "K\u0001",
      "t",
      "e",
      "a",
      "s",
      "u",
      "\u0085",
      "\u0086",
      "\u0087",
      "R",
      "Q",
      "b",
      "q\u0000",
      "h\u0000",
      "\u0094",
      "r\u00ff\u00ff\u00ff\u007f",
      "j\u0001\0\0\0",
      "J\u00ff\u00ff\u00ff\u007f",
      "J\0\0\0\u0080",
      "\u008a\b\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f",
      "X\u00ff\u00ff\u00ff\u007f",
      "X\u0001\0\0\0k",
      "ccollections\nOrderedDict\n",
      "\u0088",
      "G12345678"
    };
    StringBuilder some = new StringBuilder();
    for (int i = random.nextInt(4); i >= 0; i--) {
      some.append(known[random.nextInt(known.length)]);
    }
    return some.toString();
  }

  /** A name and a tensor of 32-bit numbers. */
  private static byte[] tensor(String name, String storage, int elements, int[] shape) {
    StringBuilder text = new StringBuilder(unicode(name));
    text.append("ctorch._utils\n_rebuild_tensor_v2\n((").append(unicode("storage"));
    text.append("ctorch\nFloatStorage\n").append(unicode(storage)).append(unicode("cpu"));
    text.append(number(elements)).append("tQ").append(number(0)).append("(");
    int stride = 1;
    StringBuilder strides = new StringBuilder();
    for (int i = 0; i < shape.length; i++) {
      text.append(number(shape[i]));
      strides.append(number(i == shape.length - 1 ? 1 : shape[shape.length - 1]));
      stride *= shape[i];
    }
    assertThat(stride).isLessThanOrEqualTo(elements);
    text.append("t(").append(strides).append("t\u0089ccollections\nOrderedDict\n)RtR");
    return ascii(text.toString());
  }

  private static String unicode(String text) {
    return "X" + (char) text.length() + "\0\0\0" + text;
  }

  private static String number(int number) {
    StringBuilder text = new StringBuilder("J");
    for (int shift = 0; shift < 32; shift += 8) {
      text.append((char) (number >>> shift & 0xff));
    }
    return text.toString();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
