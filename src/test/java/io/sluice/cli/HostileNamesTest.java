package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Names from strangers' files and folders, through the commands that print them: they neither steer
 * a terminal nor pass for a line of Sluice's own.
 */
@DisabledOnOs(OS.WINDOWS)
class HostileNamesTest {
  private static final String HOSTILE = "\u001b]0;x\u0007\u202e\u009b2J\nFORGED: all is well\r";
  private static final Path MODEL =
      Path.of("src/test/resources/golden/model/causal/tiny-llama").toAbsolutePath();

  @TempDir private Path temp;
  private Path store;

  @BeforeEach
  void writeStore() throws IOException {
    store = temp.resolve("store" + HOSTILE);
    int rows = 800;
    int width = SyntheticStore.WIDTH;
    StoreSpec spec =
        StoreSpec.of(
            "model" + HOSTILE,
            "text" + HOSTILE,
            List.of(new Column(SyntheticStore.HOOK, width, DType.F32)));
    Random random = new Random(3);
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(store, spec)) {
      MemorySegment values = arena.allocate((long) rows * width * Float.BYTES, 64);
      for (long i = 0; i < (long) rows * width; i++) {
        values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, values);
      writer.finish();
    }
  }

  @Tag("slow")
  @Test
  void namesInStoresAndRunsAreQuoted() throws IOException {
    Path run = temp.resolve("run" + HOSTILE);
    plain(0, "spectrum", "--store", store);
    plain(0, "spectrum", "--store", store, "--json");
    plain(0, ShortRun.arguments(store, run, "--name", HOSTILE));
    plain(0, "evaluate", "--store", store, "--dictionary", run);
    plain(0, "report", "--run", run, "--out", temp.resolve("report" + HOSTILE + ".html"));
    plain(0, "convert", "--dictionary", run, "--to", "sparsify", "--out", temp.resolve(HOSTILE));
    plain(1, "spectrum", "--store", temp.resolve("none" + HOSTILE));
    plain(1, "train", "--store", store, "--hook", HOSTILE, "--out", temp.resolve("out"));
    plain(
        1,
        "capture",
        "--model",
        temp.resolve(HOSTILE),
        "--text",
        store,
        "--out",
        temp.resolve("o"));
    plain(2, HOSTILE);
    plain(2, "train", "--" + HOSTILE);
    plain(2, "train", "--features", HOSTILE, "--out", run);
    plain(2, "lorsa", HOSTILE);
  }

  @Tag("slow")
  @Test
  void sweepsAndTheirMarkdownAreQuoted() throws IOException {
    Path sweep = temp.resolve("sweep");
    plain(
        0,
        "sweep",
        "--store",
        store,
        "--hook",
        SyntheticStore.HOOK,
        "--vary",
        "init=random,asi",
        "--vary",
        "features=32",
        "--vary",
        "k=4",
        "--batch",
        "32",
        "--steps",
        "5",
        "--out",
        sweep);
    Path page = temp.resolve("page.md");
    plain(0, "report", "--sweep", sweep, "--markdown", page);
    String markdown = Files.readString(page);
    assertPlain(markdown);
    assertThat(markdown).contains("model\\\\u001b\\]0;x");
  }

  @Test
  void namesOfDocumentsAreQuoted() throws IOException {
    Path texts = Files.createDirectories(temp.resolve("texts" + HOSTILE));
    Files.writeString(texts.resolve("a" + HOSTILE + ".txt"), "call me ishmael. ".repeat(20));
    Files.write(texts.resolve("b" + HOSTILE + ".txt"), new byte[] {'c', 'a', (byte) 0xff, 'l'});
    Files.writeString(
        texts.resolve("c" + HOSTILE + ".jsonl"), "{\"text\": 3}\n{\"text\": \"call\"}\n");
    plain(0, "capture", "--model", MODEL, "--text", texts, "--out", temp.resolve("captured"));
    plain(0, "spectrum", "--model", MODEL, "--text", texts);
    plain(1, "capture", "--strict", "--model", MODEL, "--text", texts, "--out", temp.resolve("p"));
  }

  private static void plain(int status, Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int ended =
        Main.run(out, err, Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    assertThat(ended).as(err.toString()).isEqualTo(status);
    assertPlain(out.toString());
    assertPlain(err.toString());
    if (status != 0) {
      assertThat(err.toString().lines()).hasSize(1);
    }
  }

  private static void assertPlain(String text) {
    assertThat(text.codePoints()).as(text).allMatch(Quoted::isHarmless);
    assertThat(text.lines()).noneMatch(line -> line.stripLeading().startsWith("FORGED"));
  }
}
