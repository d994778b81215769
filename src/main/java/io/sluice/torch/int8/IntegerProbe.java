package io.sluice.torch.int8;

import io.sluice.torch.Torch;
import io.sluice.torch.TorchException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;

/**
 * Finds out whether {@link IntegerProducts} can be used on this machine. On a processor without the
 * units LibTorch throws a C++ exception, which ends the process. So the processor's flags are read
 * first, the products are not used if a variable limits oneDNN, and the first product is computed
 * by a child process, once for each LibTorch and processor; its answer is kept in the cache folder.
 * If that folder cannot be written, each process repeats the test once.
 */
final class IntegerProbe {
  private static final Path PROCESSOR = Path.of("/proc/cpuinfo");
  private static final List<String> LIMITS = List.of("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA");
  private static final int SECONDS = 60;
  private static final String YES = "yes";
  private static final String NO = "no";

  /** The status of a process that aborted. */
  private static final int ABORTED = 128 + 6;

  private IntegerProbe() {}

  /** The reason in the processor or the environment against them, or null. */
  static String processorObstacle() {
    for (String limit : LIMITS) {
      if (System.getenv(limit) != null) {
        return limit + " is set";
      }
    }
    try {
      return obstacleIn(Files.readString(PROCESSOR));
    } catch (IOException e) {
      return "the processor's flags cannot be read";
    }
  }

  /** Like {@link #processorObstacle}, from the text of {@code /proc/cpuinfo}. */
  static String obstacleIn(String processor) {
    for (String line : processor.lines().toList()) {
      if (line.startsWith("flags")) {
        Set<String> flags = new TreeSet<>(List.of(line.split("\\s+")));
        boolean found =
            flags.contains("avx512_vnni")
                && flags.containsAll(Set.of("avx512f", "avx512bw", "avx512vl", "avx512dq"));
        return found ? null : "the processor has no avx512_vnni";
      }
    }
    return "the processor says nothing of its flags";
  }

  /** Why the products do not work with the loaded LibTorch, or null. */
  static String obstacle() {
    try {
      Path folder = Torch.info().folder();
      return obstacle(answerFile(folder), () -> ask(folder));
    } catch (IOException | TorchException e) {
      return "the product could not be tried: " + e.getMessage();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "interrupted while the product was tried";
    }
  }

  /** Determines the answer: yes, no, or empty if that failed. */
  @FunctionalInterface
  interface Question {
    String ask() throws IOException, InterruptedException;
  }

  /**
   * The obstacle by the answer that {@code file} holds, or else by that of {@code question}, which
   * {@code file} then keeps. Where it cannot be kept, the next process asks again.
   *
   * @param file null where there is no cache folder
   */
  static String obstacle(Path file, Question question) throws IOException, InterruptedException {
    String known = kept(file);
    if (known.isEmpty()) {
      known = question.ask();
      if (known.isEmpty()) {
        return "the child process that tries the product did not run";
      }
      keep(file, known);
    }
    return known.equals(YES) ? null : "the product failed in a child process";
  }

  /** The file of the answer, or null if the user has no cache folder. */
  private static Path answerFile(Path folder) throws IOException {
    String name = "int8-" + key(folder) + ".txt";
    try {
      return Torch.cacheFolder().resolve(name);
    } catch (TorchException e) {
      return null;
    }
  }

  /** The answer in a file, or nothing if it holds none or cannot be read. */
  private static String kept(Path file) {
    if (file == null || !Files.isRegularFile(file)) {
      return "";
    }
    try {
      String known = Files.readString(file).strip();
      return known.equals(YES) || known.equals(NO) ? known : "";
    } catch (IOException e) {
      return "";
    }
  }

  private static String key(Path folder) throws IOException {
    Path library = folder.resolve(System.mapLibraryName("torch_cpu"));
    String model =
        Files.readString(PROCESSOR)
            .lines()
            .filter(line -> line.startsWith("model name") || line.startsWith("flags"))
            .distinct()
            .reduce("", String::concat);
    CRC32C sum = new CRC32C();
    sum.update(
        (library + " " + Files.size(library) + " " + Files.getLastModifiedTime(library) + model)
            .getBytes(StandardCharsets.UTF_8));
    return Long.toHexString(sum.getValue());
  }

  private static String ask(Path folder) throws IOException, InterruptedException {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=/dev/null",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-D" + Torch.FOLDER_PROPERTY + "=" + folder,
                "-cp",
                System.getProperty("java.class.path"),
                IntegerProbe.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    if (!child.waitFor(SECONDS, TimeUnit.SECONDS)) {
      child.destroyForcibly();
      return "";
    }
    int status = child.exitValue();
    return status == 0 ? YES : status == 2 || status == ABORTED ? NO : "";
  }

  private static void keep(Path file, String known) {
    if (file == null) {
      return;
    }
    try {
      Files.createDirectories(file.getParent());
      Path temporary = Files.createTempFile(file.getParent(), "int8-", ".tmp");
      try {
        Files.writeString(temporary, known + System.lineSeparator());
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      // With a read-only or full cache folder each process starts a child process; nothing else
      // changes.
    }
  }

  /** The child process: exits with 0 if a product is right, with 2 if it is wrong. */
  public static void main(String[] args) {
    Torch.load();
    System.exit(isRight(64, 192) && isRight(1, 4) && isRight(37, 768) ? 0 : 2);
  }

  private static boolean isRight(int count, int depth) {
    try (Arena arena = Arena.ofConfined()) {
      int columns = 64;
      MemorySegment tokens = arena.allocate((long) count * depth, 64);
      MemorySegment block = arena.allocate((long) columns * depth, 64);
      MemorySegment out = arena.allocate((long) count * columns * Integer.BYTES, 64);
      for (long i = 0; i < tokens.byteSize(); i++) {
        tokens.set(ValueLayout.JAVA_BYTE, i, (byte) (i % 7 == 0 ? 255 : 31 * i));
      }
      for (long i = 0; i < block.byteSize(); i++) {
        block.set(ValueLayout.JAVA_BYTE, i, (byte) (i % 5 == 0 ? -127 : i % 3 == 0 ? 127 : 17 * i));
      }
      IntegerProducts.multiplyUnchecked(tokens, count, block, depth, out);
      IntegerProducts.releaseUnchecked();
      for (int i = 0; i < count; i++) {
        for (int j = 0; j < columns; j++) {
          int sum = 0;
          for (int t = 0; t < depth; t++) {
            int token = tokens.get(ValueLayout.JAVA_BYTE, (long) i * depth + t) & 0xff;
            sum += token * block.get(ValueLayout.JAVA_BYTE, t / 4 * 256L + j * 4 + t % 4);
          }
          if (out.getAtIndex(ValueLayout.JAVA_INT, (long) i * columns + j) != sum) {
            return false;
          }
        }
      }
      return true;
    }
  }
}
