package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.console.Console;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A result that could not be printed is a failure; one that nobody wanted to the end is quiet. */
@Tag("slow")
class LostOutputTest {
  private static final Path MODELS = Path.of("src/test/resources/golden/model").toAbsolutePath();

  @TempDir private Path temp;
  private Path store;

  @BeforeEach
  void writeStore() throws IOException {
    store = temp.resolve("store");
    SyntheticStore.write(store, 600, DType.F32, 1);
  }

  @Test
  void everyCommandThatPrintsSaysThatItCouldNot() throws IOException {
    Path run = temp.resolve("run");
    Path text = Files.writeString(temp.resolve("text.txt"), "call me ishmael. ".repeat(40));
    lost("--help");
    lost("spectrum", "--help");
    lost("--version");
    lost("spectrum", "--store", store);
    lost("spectrum", "--store", store, "--json");
    lost(ShortRun.arguments(store, run));
    lost("evaluate", "--store", store, "--dictionary", run);
    lost("evaluate", "--store", store, "--dictionary", run, "--json");
    lost("convert", "--dictionary", run, "--to", "saelens", "--out", temp.resolve("exported"));
    lost("report", "--run", run, "--out", temp.resolve("report.html"));
    Path llama = MODELS.resolve("causal/tiny-llama");
    lost("generate", "--model", llama, "--prompt", "call", "--tokens", "2");
    Path captured = temp.resolve("captured");
    lost("capture", "--model", llama, "--text", text, "--out", captured, "--json");
    assertThat(ActivationStore.open(captured).rows()).isPositive();
    assertThat(run.resolve("evaluation.json")).exists();
  }

  @Test
  void aReaderThatLeavesEndsTheCommandQuietly() {
    StringWriter errors = new StringWriter();
    assertThat(sluice("Broken pipe", errors, "spectrum", "--store", store))
        .isEqualTo(Console.NOBODY_READS);
    assertThat(errors.toString().lines())
        .noneMatch(line -> line.contains("output") || line.contains("pipe"));
  }

  @Test
  void anErrorComesBeforeTheLostOutput() {
    StringWriter errors = new StringWriter();
    assertThat(sluice("full", errors, "spectrum", "--store", temp.resolve("none"))).isEqualTo(1);
    assertThat(errors.toString().lines()).hasSize(1);
    assertThat(errors.toString()).contains("none: no such folder");
  }

  private static void lost(Object... arguments) {
    StringWriter errors = new StringWriter();
    int status = sluice("No space left on device", errors, arguments);
    assertThat(status).as(errors.toString()).isEqualTo(1);
    assertThat(errors.toString().lines().toList().getLast())
        .startsWith("sluice")
        .contains("standard output cannot be written (No space left on device)");
  }

  private static int sluice(String failure, StringWriter errors, Object... arguments) {
    Writer full =
        new Writer() {
          @Override
          public void write(char[] buffer, int offset, int length) throws IOException {
            throw new IOException(failure);
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    return Main.run(
        full, errors, Stream.of(arguments).map(Object::toString).toArray(String[]::new));
  }
}
