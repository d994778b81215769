package io.sluice.model.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.model.Demo;
import io.sluice.model.HookPoint;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.StoreSpec;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import io.sluice.testing.ChildJvm;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A capture that continues a store ends in the files of a capture in one go. */
class ResumedCaptureTest {
  private static final String[] WORDS = {
    "the", "white", "whale", "sails", "sea", "call", "me", "ishmael", "ship", "of", "on", "a"
  };

  @TempDir Path folder;
  private LoadedModel model;
  private Random random;
  private List<Path> texts;

  @BeforeEach
  void open() throws IOException {
    random = new Random(Seeds.seed());
    model = Demo.tiny();
    texts = new ArrayList<>();
    StringBuilder lines = new StringBuilder();
    for (int line = 0; line < 20; line++) {
      lines.append("{\"text\": \"" + words(random.nextInt(15)) + "\"}\n");
    }
    texts.add(Files.writeString(folder.resolve("0.jsonl"), lines));
    texts.add(Files.writeString(folder.resolve("1.txt"), words(200)));
    texts.add(Files.writeString(folder.resolve("2.txt"), words(1 + random.nextInt(20))));
  }

  private String words(int count) {
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

  @ParameterizedTest(name = "{0} rows a shard, {1} contexts a batch, stride {2}, {3}, special {4}")
  @CsvSource({
    "1000, 3, 0, float32, false",
    "7, 3, 0, float16, false",
    "16, 5, 2, bfloat16, false",
    "5, 2, 0, float32, true",
    "1, 1, 0, float32, false",
  })
  void storesOfFewerTokensBecomeTheLargerOne(
      int rowsPerShard, int batch, int stride, String dtype, boolean special) throws IOException {
    CaptureSpec spec =
        CaptureSpec.of(new ContextSpec(texts, 8, stride, batch, Long.MAX_VALUE), hooks())
            .withDtype(DType.ofLabel(dtype))
            .withSpecialTokens(special);
    Capture whole = Capture.plan(model, spec);
    StoreSpec store = whole.storeSpec().withRowsPerShard(rowsPerShard);
    Path one = folder.resolve("one");
    whole.run(one, store, done -> {});
    Path grown = folder.resolve("grown");
    long tokens = 1 + random.nextInt(12);
    Capture little = Capture.plan(model, spec.withTokens(tokens));
    little.run(grown, little.storeSpec().withRowsPerShard(rowsPerShard), done -> {});
    String created = ManifestFile.read(grown).created();
    while (tokens < whole.tokens()) {
      tokens = Math.min(whole.tokens(), tokens + 1 + random.nextInt(80));
      long[] last = {0};
      ResumedCapture resumed = ResumedCapture.plan(model, spec.withTokens(tokens), grown);
      resumed.run(done -> last[0] = done);
      assertThat(ManifestFile.read(grown).rows()).isEqualTo(resumed.whole().rows());
      assertThat(last[0]).isBetween(tokens - 8L * batch, tokens + 8L * batch);
    }
    requireSameStore(grown, one);
    assertThat(ManifestFile.read(grown).created()).isEqualTo(created);
  }

  @Test
  void storesThatEndWhereABatchEndsKeepAllTheirShards() throws IOException {
    CaptureSpec spec =
        CaptureSpec.of(new ContextSpec(List.of(texts.get(1)), 8, 0, 2, 120), hooks());
    Path one = folder.resolve("one");
    Capture whole = Capture.plan(model, spec);
    whole.run(one, whole.storeSpec().withRowsPerShard(12), done -> {});
    Path grown = folder.resolve("grown");
    // Contexts have six tokens of text beside two special ones.
    Capture little = Capture.plan(model, spec.withTokens(36));
    little.run(grown, little.storeSpec().withRowsPerShard(12), done -> {});
    ResumedCapture resumed = ResumedCapture.plan(model, spec, grown);
    assertThat(resumed.kept()).isEqualTo(36);
    resumed.run(done -> {});
    requireSameStore(grown, one);
    ResumedCapture again = ResumedCapture.plan(model, spec, grown);
    assertThat(again.kept()).isEqualTo(120);
    again.run(
        done -> {
          throw new AssertionError("a complete store is captured again");
        });
    Capture.plan(model, spec.withTokens(35))
        .run(folder.resolve("odd"), little.storeSpec().withRowsPerShard(12), done -> {});
    assertThat(ResumedCapture.plan(model, spec, folder.resolve("odd")).kept()).isEqualTo(24);
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @Test
  void aCaptureThatIsStoppedAgainAndAgainEndsInTheSameFiles() throws IOException {
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(texts, 8, 0, 3, Long.MAX_VALUE), hooks());
    Capture whole = Capture.plan(model, spec);
    StoreSpec store = whole.storeSpec().withRowsPerShard(9);
    Path one = folder.resolve("one");
    whole.run(one, store, done -> {});
    Path often = folder.resolve("often");
    assertThatThrownBy(() -> whole.run(often, store, stop(40))).isInstanceOf(Killed.class);
    int rounds = 0;
    while (!ManifestFile.read(often).complete()) {
      assertThat(rounds++).isLessThan(100);
      ResumedCapture resumed = ResumedCapture.plan(model, spec, often);
      long until = resumed.keptTokens() + 50 + random.nextInt(60);
      try {
        resumed.run(stop(until));
      } catch (Killed e) {
        assertThat(ManifestFile.read(often).complete()).isFalse();
      }
    }
    assertThat(rounds).isGreaterThan(2);
    requireSameStore(often, one);
  }

  private static LongConsumer stop(long tokens) {
    return done -> {
      if (done >= tokens) {
        throw new Killed();
      }
    };
  }

  /** The process that is killed. */
  public static final class Child {
    private Child() {}

    /** Captures a text into a store, and says how far it is. */
    public static void main(String[] args) throws IOException {
      try (LoadedModel tiny = Demo.tiny()) {
        CaptureSpec spec =
            CaptureSpec.of(
                new ContextSpec(List.of(Path.of(args[0])), 8, 0, 3, Long.MAX_VALUE), hooks());
        Capture plan = Capture.plan(tiny, spec);
        plan.run(
            Path.of(args[1]), plan.storeSpec().withRowsPerShard(500), done -> System.out.println());
      }
    }
  }

  @Tag("slow")
  @Test
  void aKilledCaptureContinuesToTheSameFiles() throws Exception {
    Path text = Files.writeString(folder.resolve("long.txt"), words(20_000));
    CaptureSpec spec =
        CaptureSpec.of(new ContextSpec(List.of(text), 8, 0, 3, Long.MAX_VALUE), hooks());
    Path one = folder.resolve("one");
    Capture whole = Capture.plan(model, spec);
    whole.run(one, whole.storeSpec().withRowsPerShard(500), done -> {});
    Path killed = folder.resolve("killed");
    Process child =
        ChildJvm.start(Child.class, "256m", List.of(text.toString(), killed.toString()));
    for (int batches = 0; batches < 200; batches++) {
      assertThat(child.getInputStream().read()).isNotNegative();
    }
    child.destroyForcibly().waitFor();
    Manifest left = ManifestFile.read(killed);
    assertThat(left.complete()).isFalse();
    assertThat(left.plannedRows()).isEqualTo(whole.rows());
    ResumedCapture resumed = ResumedCapture.plan(model, spec, killed);
    assertThat(resumed.kept()).isPositive().isEqualTo(left.rows());
    resumed.run(done -> {});
    requireSameStore(killed, one);
  }

  @Test
  void whatDoesNotContinueTheStoreIsRefused() throws IOException {
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(texts, 8, 0, 3, 100), hooks());
    Path store = folder.resolve("store");
    Capture plan = Capture.plan(model, spec);
    plan.run(store, plan.storeSpec().withRowsPerShard(10), done -> {});
    byte[] before = Files.readAllBytes(store.resolve(Manifest.FILE_NAME));
    refused(spec.withTokens(90), store, "was begun for 100 rows, and these texts");
    refused(spec.withDtype(DType.F16), store, "was captured with columns");
    refused(spec.withContexts(7, 3), store, "was captured with context 8, not 7");
    refused(spec.withContexts(8, 4), store, "was captured with contextsPerBatch 3, not 4");
    refused(
        CaptureSpec.of(spec.contexts(), hooks().subList(0, 1)), store, "was captured with columns");
    String text = Files.readString(texts.getFirst());
    Files.writeString(texts.getFirst(), text.replaceFirst("whale", "sea"));
    refused(spec.withTokens(150), store, "of document");
    Files.writeString(texts.getFirst(), text);
    assertThat(Files.readAllBytes(store.resolve(Manifest.FILE_NAME))).isEqualTo(before);
    ResumedCapture other = ResumedCapture.plan(model, spec.withTokens(150), store);
    try (RandomAccessFile file =
        new RandomAccessFile(
            store.resolve(Manifest.shardName((int) (other.kept() / 10) - 1)).toFile(), "rw")) {
      // The last bytes before the footer are those of the last row, but for padding.
      damageAllActivations(file);
    }
    assertThatThrownBy(() -> other.run(done -> {}))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("came out with other bits")
        .hasMessageNotContaining("\n");
    assertThat(ManifestFile.read(store).rows()).isEqualTo(other.kept());
  }

  /** No shard stays, but the rows are those of other texts. */
  @Test
  void otherTextsAreRefusedThoughAllIsCapturedAgain() throws IOException {
    CaptureSpec spec = CaptureSpec.of(new ContextSpec(texts, 8, 0, 30, 100), hooks());
    Path store = folder.resolve("one-shard");
    Capture plan = Capture.plan(model, spec);
    plan.run(store, plan.storeSpec().withRowsPerShard(1000), done -> {});
    String text = Files.readString(texts.getFirst());
    Files.writeString(texts.getFirst(), text.replaceFirst("whale", "sea"));
    refused(spec.withTokens(150), store, "of document");
    refused(spec.withDtype(DType.F16), store, ", float32), ");
    Files.writeString(texts.getFirst(), text);
    assertThat(ResumedCapture.plan(model, spec.withTokens(150), store).kept()).isZero();
  }

  private static void damageAllActivations(RandomAccessFile file) throws IOException {
    long from = file.length() / 3;
    for (long at = from; at < 2 * from; at++) {
      file.seek(at);
      int value = file.read();
      file.seek(at);
      file.write(value ^ 1);
    }
  }

  private void refused(CaptureSpec spec, Path store, String message) {
    assertThatThrownBy(() -> ResumedCapture.plan(model, spec, store))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(store.toString())
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  private static void requireSameStore(Path actual, Path expected) throws IOException {
    assertThat(names(actual)).isEqualTo(names(expected));
    for (String name : names(expected)) {
      if (!name.equals(Manifest.FILE_NAME)) {
        assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
      }
    }
    Manifest one = ManifestFile.read(expected);
    Manifest other = ManifestFile.read(actual);
    assertThat(other.shards()).isEqualTo(one.shards());
    assertThat(other.tables()).isEqualTo(one.tables());
    assertThat(other.properties()).isEqualTo(one.properties());
    assertThat(other.complete()).isTrue();
  }

  private static List<String> names(Path store) throws IOException {
    try (Stream<Path> files = Files.list(store)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static List<HookPoint> hooks() {
    return List.of(HookPoint.parse("layers.0.resid"), HookPoint.parse("layers.1.z"));
  }
}
