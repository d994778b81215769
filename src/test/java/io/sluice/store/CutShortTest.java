package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A file that is cut short while its store is open is one line that names it, and never a crash.
 */
@EnabledOnOs(OS.LINUX)
class CutShortTest {
  private static final int ROWS = 4000;
  private static final RowFilter SECOND = RowFilter.fromPosition(1);

  @TempDir private Path temp;
  private Path folder;
  private Path shard;

  @BeforeEach
  void write() throws IOException {
    folder = temp.resolve("store");
    StoreSpec spec = StoreSamples.spec().withRowsPerShard(1000);
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      StoreSamples.append(writer, spec, ROWS);
      writer.finish();
    }
    shard = folder.resolve("shard-00001.arrow");
  }

  @ParameterizedTest
  @EnumSource(Reading.class)
  void everyReaderNamesTheFile(Reading reading) throws IOException {
    ActivationStore store = ActivationStore.open(folder, reading);
    Contexts contexts = Contexts.of(store);
    BatchPlan plan = BatchPlan.shuffled(List.of(StoreSamples.F32, StoreSamples.F16), 500, 1);
    Batches batches = store.batches(plan);
    Batches wide = store.batches(plan.widened());
    batches.next();
    wide.next();
    cut(shard);
    assertNamed(batches::next);
    assertNamed(wide::next);
    assertNamed(() -> store.batches(plan.where(SECOND)));
    assertNamed(() -> Contexts.of(store));
    assertNamed(
        () ->
            contexts.read(
                StoreSamples.F32, new int[] {300}, 5, Arena.ofAuto().allocate(5 * 6 * 4, 4)));
    assertNamed(() -> store.shards().get(1).data(StoreSamples.BF16));
    assertNamed(() -> store.shards().get(1).data(StoreSamples.BF16, 900, 1000));
    assertThatThrownBy(store::verify)
        .isInstanceOf(IOException.class)
        .hasMessageContaining(shard.toString());
    // The other files are as they were.
    assertThat(store.shards().get(2).data(StoreSamples.BF16).byteSize()).isEqualTo(35 * 2 * 1000);
  }

  @ParameterizedTest
  @EnumSource(Reading.class)
  void aFolderThatIsReplacedDoesNotDisturbThoseWhoMappedIt(Reading reading) throws IOException {
    ActivationStore store = ActivationStore.open(folder, reading);
    Batches batches = store.batches(List.of(StoreSamples.F32), 500, 1);
    batches.next();
    Files.move(folder, temp.resolve("old"));
    StoreSamples.write(folder, 9);
    if (reading == Reading.MAPPED) {
      for (int i = 0; i < 20; i++) {
        batches.next();
      }
    } else {
      for (int i = 0; i < 4; i++) {
        try {
          batches.next();
        } catch (IOException e) {
          assertThat(e).hasMessageContaining(folder.toString()).hasMessageNotContaining("\n");
        }
      }
    }
  }

  /** What the check of the length cannot see is an error of the JVM, and becomes a line. */
  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"plain", "widened", "contexts", "filter"})
  void aSignalBecomesALine(String reader) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-XX:ErrorFile=" + temp.resolve("hs_err"),
                "-XX:-CreateCoredumpOnCrash",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Reader.class.getName(),
                folder.toString(),
                reader)
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    assertThat(output.lines().filter(line -> line.startsWith("refused ")))
        .as(output)
        .isNotEmpty()
        .allMatch(line -> line.contains("could not read") && line.contains("mapped"));
  }

  /** Reads a store whose file is cut short under another name, where no check looks. */
  public static final class Reader {
    private Reader() {}

    public static void main(String[] args) throws IOException {
      Path folder = Path.of(args[0]);
      ActivationStore store = ActivationStore.open(folder);
      Contexts contexts = Contexts.of(store);
      BatchPlan plan = BatchPlan.shuffled(List.of(StoreSamples.F32, StoreSamples.BF16), 500, 1);
      Batches batches = store.batches(args[1].equals("widened") ? plan.widened() : plan);
      for (int i = 0; i < 3000 && !args[1].equals("filter"); i++) {
        batches.next(); // Until the compiler has been here.
      }
      Path moved = folder.resolve("elsewhere");
      Files.move(folder.resolve("shard-00001.arrow"), moved);
      cut(moved);
      for (int i = 0; i < 3; i++) {
        try {
          switch (args[1]) {
            case "contexts" ->
                contexts.read(
                    StoreSamples.BF16, new int[] {300}, 5, Arena.ofAuto().allocate(5 * 35 * 4, 4));
            case "filter" -> store.batches(plan.where(SECOND));
            default -> batches.next();
          }
          System.out.println("read");
        } catch (IOException | UncheckedIOException e) {
          System.out.println("refused " + e.getMessage());
        }
      }
    }
  }

  @Test
  void aFileThatIsGoneIsNamed() throws IOException {
    ActivationStore store = ActivationStore.open(folder, Reading.COPIED);
    Files.delete(shard);
    assertNamed(() -> store.shards().get(1).data(StoreSamples.F32));
    assertThatThrownBy(store::verify)
        .isInstanceOf(IOException.class)
        .hasMessageContaining(shard.toString());
  }

  private static void cut(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(4096);
    }
  }

  private void assertNamed(org.assertj.core.api.ThrowableAssert.ThrowingCallable reading) {
    assertThatThrownBy(reading)
        .isInstanceOfAny(IOException.class, UncheckedIOException.class)
        .hasMessageContaining(shard.toString())
        .hasMessageContaining("while the store is open")
        .hasMessageNotContaining("\n");
  }
}
