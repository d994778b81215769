package io.sluice.model.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import io.sluice.model.Demo;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.DocumentTable;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.text.TextSpec;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("cuda")
class CaptureTest {
  /** 21 and 4 tokens: with contexts of 8, of which 6 are text, 6, 6, 6, 3 and 4. */
  private static final List<String> TEXTS =
      List.of(
          "the white whale sails the sea. call me ishmael, the white whale of the sea and ship.",
          "sail on the sea");

  @TempDir Path folder;
  private LoadedModel model;
  private List<Path> texts;

  @BeforeEach
  void open() throws IOException {
    model = Demo.tiny();
    texts = new ArrayList<>();
    for (String text : TEXTS) {
      texts.add(Files.writeString(folder.resolve(texts.size() + ".txt"), text));
    }
  }

  @AfterEach
  void close() {
    if (model != null) {
      model.close();
    }
  }

  @Tag("slow")
  @ParameterizedTest(name = "{0} rows per shard, {1} contexts per batch, special tokens {2}")
  @CsvSource({"1000, 1, false", "1000, 3, false", "4, 2, false", "7, 5, true", "1, 9, true"})
  void storesWhatTheHooksSaw(int rowsPerShard, int batch, boolean special) throws IOException {
    CaptureSpec spec = spec().withContexts(8, batch).withSpecialTokens(special);
    Capture plan = Capture.plan(model, spec);
    Path out = folder.resolve("store");
    List<Long> progress = new ArrayList<>();
    Manifest manifest =
        plan.run(out, plan.storeSpec().withRowsPerShard(rowsPerShard), progress::add);
    assertThat(manifest.rows()).isEqualTo(plan.rows()).isEqualTo(special ? 35 : 25);
    assertThat(manifest.complete()).isTrue();
    assertThat(progress.getLast()).isEqualTo(plan.tokens()).isEqualTo(25);

    ActivationStore store = ActivationStore.open(out);
    List<Integer> expectedIds = new ArrayList<>();
    List<Integer> expectedPositions = new ArrayList<>();
    List<Integer> expectedDocuments = new ArrayList<>();
    List<Float> expectedZ = new ArrayList<>();
    List<Float> expectedResid = new ArrayList<>();
    int first = special ? 0 : 1;
    for (int document = 0; document < 2; document++) {
      int[] tokens = model.tokenizer().encode(TEXTS.get(document));
      for (int from = 0; from < tokens.length; from += 6) {
        int[] ids = dressed(Arrays.copyOfRange(tokens, from, Math.min(from + 6, tokens.length)));
        float[] z = activation(ids, "layers.1.z");
        float[] resid = activation(ids, "layers.0.resid");
        for (int i = first; i < ids.length - first; i++) {
          expectedIds.add(ids[i]);
          expectedPositions.add(i);
          expectedDocuments.add(document);
          for (int j = 0; j < 24; j++) {
            expectedZ.add(z[i * 24 + j]);
            expectedResid.add(resid[i * 24 + j]);
          }
        }
      }
    }
    assertThat(StoredValues.ints(store, Column.TOKEN_ID)).isEqualTo(expectedIds);
    assertThat(StoredValues.ints(store, Column.POSITION)).isEqualTo(expectedPositions);
    assertThat(StoredValues.ints(store, Column.DOCUMENT_ID)).isEqualTo(expectedDocuments);
    assertClose(StoredValues.floats(store, "layers.1.z"), expectedZ, 1e-5f);
    assertClose(StoredValues.floats(store, "layers.0.resid"), expectedResid, 1e-5f);
  }

  /** What the tokens say, one after the other, is what the tokenizer makes of them. */
  @Test
  void storesWhatIsNeededToReadTheTokens() throws IOException {
    Path empty = Files.writeString(folder.resolve("empty.txt"), "");
    texts.add(1, empty);
    Capture plan = Capture.plan(model, spec().withContexts(8, 3));
    Path out = folder.resolve("store");
    plan.run(out, plan.storeSpec().withRowsPerShard(4), done -> {});
    ActivationStore store = ActivationStore.open(out);
    DocumentTable documents = store.documents().orElseThrow();
    assertThat(documents.list())
        .containsExactly(
            new DocumentTable.Document("0.txt", 0),
            new DocumentTable.Document("", 21),
            new DocumentTable.Document("1.txt", 21));
    assertThat(StoredValues.ints(store, Column.DOCUMENT_ID).get(21)).isEqualTo(2);
    TokenTable tokens = store.tokens().orElseThrow();
    assertThat(tokens.size()).isEqualTo(model.transformer().shape().vocabulary());
    StringBuilder text = new StringBuilder();
    for (int id : StoredValues.ints(store, Column.TOKEN_ID).subList(0, 21)) {
      text.append(tokens.text(id));
    }
    int[] ids = model.tokenizer().encode(TEXTS.getFirst());
    assertThat(text.toString()).isEqualTo(" " + model.tokenizer().decode(ids));
    long files = 0;
    try (java.util.stream.Stream<Path> listed = Files.list(out)) {
      for (Path file : (Iterable<Path>) listed::iterator) {
        files += Files.size(file);
      }
    }
    assertThat(plan.storeBytes()).isBetween(files / 2, 4 * files + (64 << 10));
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({"F16, 2e-3", "BF16, 2e-2"})
  void roundsToNarrowTypes(DType dtype, float tolerance) throws IOException {
    List<List<Float>> values = new ArrayList<>();
    for (DType type : List.of(DType.F32, dtype)) {
      Path out = folder.resolve(type.label());
      Capture.plan(model, spec().withContexts(8, 2).withDtype(type)).run(out, done -> {});
      values.add(StoredValues.floats(ActivationStore.open(out), "layers.1.z"));
    }
    assertClose(values.get(1), values.get(0), tolerance);
  }

  @Test
  void stopsAtTheLimit() throws IOException {
    Capture plan = Capture.plan(model, spec().withContexts(8, 2).withTokens(15));
    assertThat(plan.tokens()).isEqualTo(15);
    Path out = folder.resolve("store");
    assertThat(plan.run(out, done -> {}).rows()).isEqualTo(15);
  }

  @Test
  void findsBadTextsBeforeAnythingIsWritten() throws IOException {
    Path empty = Files.writeString(folder.resolve("empty.txt"), "");
    Path blank = Files.writeString(folder.resolve("blank.txt"), " \n\t\n");
    Path latin = Files.write(folder.resolve("latin.txt"), new byte[] {'c', 'a', 'f', (byte) 0xe9});
    Path cut = Files.write(folder.resolve("cut.txt"), new byte[] {'a', 'b', (byte) 0xc3});
    assertBadText(empty, "holds no text");
    assertBadText(blank, "holds no text");
    assertBadText(latin, "not UTF-8 at byte 3");
    assertBadText(cut, "not UTF-8 at byte 2");
    assertBadText(folder.resolve("none.txt"), "no such file");
  }

  @Test
  void findsSettingsThatDoNotFitTheModel() {
    assertThatThrownBy(() -> Capture.plan(model, spec().withContexts(17, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("17")
        .hasMessageContaining("16");
    assertThatThrownBy(() -> Capture.plan(model, spec().withContexts(2, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no room");
    CaptureSpec deep = CaptureSpec.of(texts, List.of(HookPoint.parse("layers.2.z")));
    assertThatThrownBy(() -> Capture.plan(model, deep.withContexts(8, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.2.z")
        .hasMessageContaining("0 to 1");
  }

  @Test
  void leavesAFolderWithOtherThingsAlone() throws IOException {
    Capture plan = Capture.plan(model, spec().withContexts(8, 2));
    assertThatThrownBy(() -> plan.run(folder, done -> {})).isInstanceOf(IOException.class);
    assertThat(folder.resolve("0.txt")).hasContent(TEXTS.getFirst());
  }

  private CaptureSpec spec() {
    return CaptureSpec.of(
        texts, List.of(HookPoint.parse("layers.1.z"), HookPoint.parse("layers.0.resid")));
  }

  @Test
  void countsAndNamesWhatIsWrongWithTexts() throws IOException {
    Path empty = Files.writeString(folder.resolve("empty.txt"), "");
    Path latin = Files.write(folder.resolve("latin.txt"), "the caf\u00e9 whale".getBytes("latin1"));
    List<HookPoint> hooks = spec().hooks();
    Capture plan =
        Capture.plan(model, CaptureSpec.of(List.of(empty, latin), hooks).withContexts(8, 2));
    assertThat(plan.tokens()).isPositive();
    assertThat(plan.problems().summary())
        .isEqualTo(
            "1 character that is not UTF-8, 1 document without text: %s holds no text; %s is not UTF-8 at byte 7"
                .formatted(empty, latin));
    assertThatThrownBy(
            () -> Capture.plan(model, CaptureSpec.of(List.of(empty), hooks).withContexts(8, 2)))
        .isInstanceOf(IOException.class)
        .hasMessage(empty + ": holds no text; give texts with words");
  }

  private void assertBadText(Path text, String message) {
    CaptureSpec spec =
        CaptureSpec.of(
            new ContextSpec(
                new TextSpec(List.of(texts.getFirst(), text), "text", true),
                8,
                0,
                2,
                Long.MAX_VALUE),
            spec().hooks());
    assertThatThrownBy(() -> Capture.plan(model, spec))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(text.toString())
        .hasMessageContaining(message);
  }

  private int[] dressed(int[] tokens) {
    int[] ids = new int[tokens.length + 2];
    ids[0] = 2;
    System.arraycopy(tokens, 0, ids, 1, tokens.length);
    ids[ids.length - 1] = 3;
    return ids;
  }

  private float[] activation(int[] ids, String point) {
    List<float[]> seen = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      model
          .transformer()
          .observe(
              TokenBatch.of(List.of(ids)),
              Hooks.none()
                  .observe(List.of(HookPoint.parse(point)), (at, x) -> seen.add(x.toFloats())));
    }
    return seen.getFirst();
  }

  private static void assertClose(List<Float> actual, List<Float> expected, float relative) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      float tolerance = relative * Math.max(1, Math.abs(expected.get(i)));
      assertThat(actual.get(i)).as("element %d", i).isCloseTo(expected.get(i), within(tolerance));
    }
  }
}
