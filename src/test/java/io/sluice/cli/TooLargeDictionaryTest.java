package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.DType;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands refuse in one line, before they read it, a dictionary that memory cannot hold. */
class TooLargeDictionaryTest {
  @TempDir private Path temp;
  private Path large;
  private Path store;

  @BeforeEach
  void write() throws IOException {
    store = temp.resolve("store");
    SyntheticStore.write(store, 2000, DType.F32, 1);
    large = temp.resolve("large");
    Files.createDirectories(large);
    Files.writeString(
        large.resolve("dictionary.json"),
        "{\"format\":\"sluice.dictionary/1\",\"features\":500000000}");
    // Sparse, and no safetensors file: whoever read it would say so.
    try (RandomAccessFile sparse =
        new RandomAccessFile(large.resolve("dictionary.safetensors").toFile(), "rw")) {
      sparse.setLength(8_000_000_000_000L);
    }
  }

  private void assertRefused(Object... arguments) {
    StringWriter err = new StringWriter();
    String[] words = new String[arguments.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = arguments[i].toString();
    }
    int status =
        Main.run(new PrintWriter(PrintWriter.nullWriter()), new PrintWriter(err, true), words);
    assertThat(status).as(err.toString()).isEqualTo(1);
    assertThat(err.toString())
        .hasLineCount(1)
        .contains(large + ": its 500,000,000 features take ", "that this machine has; up to ")
        .endsWith("features of its widths fit" + System.lineSeparator());
  }

  @Test
  void evaluateFeaturesCompareAndConvertSayWhatWouldFit() {
    assertRefused("evaluate", "--dictionary", large, "--store", store);
    Path out = temp.resolve("out");
    assertRefused("features", "--dictionary", large, "--store", store, "--out", out);
    assertRefused("compare", "--dictionary", large, "--dictionary", large);
    assertRefused(
        "convert",
        "--dictionary",
        large,
        "--to",
        "sluice",
        "--activation",
        "jumprelu",
        "--store",
        store,
        "--out",
        out);
    assertThat(out).doesNotExist();
  }

  @Test
  void aSweepSaysItOfItsLargestCellBeforeItTrainsTheFirst() {
    StringWriter err = new StringWriter();
    Path out = temp.resolve("sweep");
    int status =
        Main.run(
            new PrintWriter(PrintWriter.nullWriter()),
            new PrintWriter(err, true),
            "sweep",
            "--store",
            store.toString(),
            "--hook",
            SyntheticStore.HOOK,
            "--vary",
            "features=64,900000000",
            "--vary",
            "k=4",
            "--memory",
            "900T",
            "--out",
            out.toString());
    assertThat(status).as(err.toString()).isEqualTo(1);
    assertThat(err.toString())
        .hasLineCount(1)
        .contains("900,000,000 features", "this machine has; give fewer: up to ");
    assertThat(out).doesNotExist();
  }
}
