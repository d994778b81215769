package io.sluice.model.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.model.Demo;
import io.sluice.model.HookPoint;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.Context;
import io.sluice.store.StoreSpec;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import io.sluice.testing.Seeds;
import io.sluice.text.TextForm;
import io.sluice.text.TextSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A store that is captured in parts has the files of one that is captured as a whole. */
class CapturePartsTest {
  private static final String[] WORDS = {
    "the", "white", "whale", "sails", "sea", "call", "me", "ishmael", "ship", "of", "on", "a"
  };

  @TempDir Path folder;
  private LoadedModel model;
  private List<Path> texts;

  /** Files of lines and of plain text, some without a token, one longer than several parts. */
  @BeforeEach
  void open() throws IOException {
    Random random = new Random(Seeds.seed());
    model = Demo.tiny();
    texts = new ArrayList<>();
    Path lines = folder.resolve("0.jsonl");
    StringBuilder content = new StringBuilder();
    for (int line = 0; line < 20; line++) {
      content.append("{\"text\": \"" + words(random, random.nextInt(15)) + "\"}\n");
      content.append(line % 6 == 0 ? "not a record\n" : "");
    }
    texts.add(Files.writeString(lines, content));
    texts.add(Files.writeString(folder.resolve("1.txt"), ""));
    texts.add(Files.writeString(folder.resolve("2.txt"), words(random, 300)));
    for (int file = 3; file < 9; file++) {
      Path path = folder.resolve(file + ".txt");
      texts.add(Files.writeString(path, words(random, 1 + random.nextInt(20))));
    }
  }

  private static String words(Random random, int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append(i == 0 ? "" : " ").append(WORDS[random.nextInt(WORDS.length)]);
    }
    return text.toString();
  }

  @AfterEach
  void close() {
    if (model != null) {
      model.close();
    }
  }

  @ParameterizedTest(
      name = "{0} rows a shard, {1} a part, {2} contexts a batch, stride {3}, {4} tokens")
  @CsvSource({
    "1000, 1, 3, 0, 0, false",
    "7, 1, 3, 0, 0, false",
    "5, 12, 2, 0, 0, true",
    "16, 40, 5, 2, 0, false",
    "1, 1, 1, 0, 40, false",
    "8, 8, 4, 0, 133, false",
    "9, 20, 4, 3, 211, false",
  })
  void filesAreThoseOfTheWhole(
      int rowsPerShard, int leastRows, int batch, int stride, long tokens, boolean special)
      throws IOException {
    ContextSpec contexts =
        new ContextSpec(texts, 8, stride, batch, tokens == 0 ? Long.MAX_VALUE : tokens);
    CaptureSpec spec = CaptureSpec.of(contexts, hooks()).withSpecialTokens(special);
    Capture whole = Capture.plan(model, spec);
    StoreSpec store = whole.storeSpec().withRowsPerShard(rowsPerShard);
    Path one = folder.resolve("one");
    whole.run(one, store, done -> {});

    Capture cut = Capture.planParts(model, spec);
    Path many = folder.resolve("many");
    Manifest manifest =
        cut.runParts(
            many,
            store,
            leastRows,
            parts -> {
              List<CapturePart> order = new ArrayList<>(parts);
              // A part may run twice, and they come in any order.
              order.add(parts.getLast());
              Collections.shuffle(order, new Random(Seeds.seed()));
              List<Manifest.Shard> shards = new ArrayList<>();
              for (CapturePart part : order) {
                shards.removeAll(part.run(model, spec, many));
                shards.addAll(part.run(model, spec, many));
              }
              return shards;
            });
    assertThat(manifest.complete()).isTrue();
    assertThat(cut.parts(store, leastRows))
        .hasSize((int) Math.ceilDiv(whole.rows(), rounded(leastRows, rowsPerShard)));
    requireSameFiles(many, one);
    Manifest expected = ManifestFile.read(one);
    assertThat(ManifestFile.read(many).shards()).isEqualTo(expected.shards());
    assertThat(ManifestFile.read(many).tables()).isEqualTo(expected.tables());
    assertThat(ManifestFile.read(many).properties()).isEqualTo(expected.properties());
    assertThat(cut.problems().summary()).isEqualTo(whole.problems().summary());
  }

  @Test
  void partsOfTokenIdsReadThemAsTheWholeDoes() throws IOException {
    Random random = new Random(Seeds.seed());
    StringBuilder lines = new StringBuilder();
    for (int line = 0; line < 30; line++) {
      int[] ids = random.ints(random.nextInt(25), 0, 12).toArray();
      lines.append("{\"ids\": " + Arrays.toString(ids) + "}\n");
    }
    Path file = Files.writeString(folder.resolve("ids.jsonl"), lines);
    TextSpec ids = new TextSpec(List.of(file), "ids", false, TextForm.TOKEN_IDS);
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(ids, 8, 0, 3, Long.MAX_VALUE), hooks());
    Capture whole = Capture.plan(model, spec);
    StoreSpec store = whole.storeSpec().withRowsPerShard(16);
    Path one = folder.resolve("one");
    whole.run(one, store, done -> {});
    Path many = folder.resolve("many");
    Capture.planParts(model, spec)
        .runParts(
            many,
            store,
            20,
            parts -> {
              List<Manifest.Shard> shards = new ArrayList<>();
              for (CapturePart part : parts) {
                shards.addAll(part.run(model, spec, many));
              }
              return shards;
            });
    requireSameFiles(many, one);
  }

  private static long rounded(int least, int rowsPerShard) {
    return Math.ceilDiv(least, rowsPerShard) * (long) rowsPerShard;
  }

  private static void requireSameFiles(Path actual, Path expected) throws IOException {
    assertThat(names(actual)).isEqualTo(names(expected));
    for (String name : names(expected)) {
      if (!name.equals(Manifest.FILE_NAME)) {
        assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
      }
    }
  }

  private static List<String> names(Path store) throws IOException {
    try (Stream<Path> files = Files.list(store)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @ParameterizedTest(name = "{0} tokens a part, {1} contexts a batch, stride {2}, {3} tokens")
  @CsvSource({"1, 3, 0, 0", "25, 2, 3, 0", "10, 4, 0, 133", "10000, 5, 2, 0"})
  void partsOfBatchesReadTheBatchesOfTheWhole(int least, int batch, int stride, long tokens)
      throws IOException {
    ContextSpec contexts =
        new ContextSpec(texts, 8, stride, batch, tokens == 0 ? Long.MAX_VALUE : tokens);
    List<String> expected = new ArrayList<>();
    try (ContextBatches batches = ContextBatches.open(model, contexts)) {
      read(batches, expected);
    }
    Capture cut = Capture.planParts(model, CaptureSpec.of(contexts, hooks()));
    List<CapturePart> parts = cut.parts(least);
    List<String> read = new ArrayList<>();
    for (CapturePart part : parts) {
      int before = read.size();
      try (ContextBatches batches = part.batches(model, contexts)) {
        read(batches, read);
      }
      assertThat(read).hasSizeGreaterThan(before);
    }
    assertThat(read).isEqualTo(expected);
    assertThat(parts.getFirst().from()).isZero();
    assertThat(parts.getLast().to()).isEqualTo(cut.tokens());
    assertThat(parts.subList(0, parts.size() - 1))
        .allMatch(part -> part.to() - part.from() >= least);
  }

  private static void read(ContextBatches batches, List<String> into) throws IOException {
    for (List<Context> next = batches.nextContexts();
        !next.isEmpty();
        next = batches.nextContexts()) {
      into.add(
          next.stream()
              .map(
                  context ->
                      context.document() + Arrays.toString(context.tokens()) + context.seen())
              .collect(Collectors.joining(" ")));
    }
  }

  @Test
  void aStoreThatLacksAShardIsNotComplete() throws IOException {
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(texts, 8, 0, 3, 60), hooks());
    Capture cut = Capture.planParts(model, spec);
    StoreSpec store = cut.storeSpec().withRowsPerShard(16);
    Path out = folder.resolve("store");
    assertThatThrownBy(
            () ->
                cut.runParts(
                    out,
                    store,
                    1,
                    parts -> {
                      List<Manifest.Shard> shards = new ArrayList<>();
                      for (CapturePart part : parts) {
                        shards.addAll(part.run(model, spec, out));
                      }
                      Files.delete(out.resolve(shards.get(1).file()));
                      return shards;
                    }))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("shard-00001.arrow");
    assertThat(ManifestFile.read(out).complete()).isFalse();
    assertThat(ManifestFile.read(out).rows()).isZero();
  }

  @Test
  void textsThatHaveChangedAreRefused() throws IOException {
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(texts, 8, 0, 3, Long.MAX_VALUE), hooks());
    Capture cut = Capture.planParts(model, spec);
    StoreSpec store = cut.storeSpec().withRowsPerShard(16);
    CapturePart last = cut.parts(store, 1).getLast();
    Path out = folder.resolve("store");
    Files.writeString(texts.getLast(), "a");
    assertThatThrownBy(() -> cut.runParts(out, store, 1, parts -> last.run(model, spec, out)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has changed");
  }

  @Test
  void textsWithOtherWordsBeforeThoseOfAPartAreRefused() throws IOException {
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(texts, 8, 0, 3, Long.MAX_VALUE), hooks());
    Capture cut = Capture.planParts(model, spec);
    StoreSpec store = cut.storeSpec().withRowsPerShard(16);
    CapturePart first = cut.parts(store, 1).getFirst();
    Path out = folder.resolve("store");
    Path text = texts.getFirst();
    Files.writeString(text, "a " + Files.readString(text));
    assertThatThrownBy(() -> cut.runParts(out, store, 1, parts -> first.run(model, spec, out)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(text.getFileName() + ": has changed since the work began");
    CapturePart batches = cut.parts(1).getFirst();
    assertThatThrownBy(() -> batches.batches(model, spec.contexts()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(text.getFileName() + ": has changed since the work began");
  }

  @Test
  void aCaptureThatWasNotPlannedInPartsHasNone() throws IOException {
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(texts, 8, 0, 3, 60), hooks());
    Capture whole = Capture.plan(model, spec);
    assertThatThrownBy(() -> whole.parts(whole.storeSpec(), 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("parts");
  }

  private static List<HookPoint> hooks() {
    return List.of(HookPoint.parse("layers.0.resid"), HookPoint.parse("layers.1.z"));
  }
}
