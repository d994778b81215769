package io.sluice.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.geometry.Spectrum;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.model.HookPoint;
import io.sluice.model.TinyModel;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.StringJoiner;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Dictionaries with a planted answer: each was made of the activations of one place. */
@Tag("model")
@Tag("slow")
class AuditorTest {
  private static final List<String> WORDS =
      List.of("the", "whale", "white", "sea", "of", "a", "call", "me", "ishmael", "ship", "was");

  /** Tokens of text in a context, beside the token before them. */
  private static final int CONTEXT = 15;

  private static final int TOKENS = 240;

  @TempDir Path folder;

  private String text() {
    return text(TOKENS);
  }

  private static String text(int tokens) {
    Random random = new Random(Seeds.seed());
    StringJoiner text = new StringJoiner(" ");
    for (int i = 0; i < tokens; i++) {
      text.add(WORDS.get(random.nextInt(WORDS.size())));
    }
    return text.toString();
  }

  private Audit audit(LoadedModel model, String text, Dictionary... dictionaries)
      throws IOException {
    Path file = Files.writeString(folder.resolve("text.txt"), text);
    Auditor auditor =
        new Auditor(
            model,
            new ContextSpec(List.of(file), CONTEXT + 1, 0, 4, Long.MAX_VALUE),
            EngineFactory.vector(Workers.allCores()));
    List<AuditedDictionary> named =
        List.of(dictionaries).stream().map(each -> AuditedDictionary.of("theirs", each)).toList();
    return auditor.audit(named, (stage, done, total) -> {});
  }

  private static String said(Audit audit) {
    return audit.dictionaries().stream().map(Finding::sentence).toList().toString();
  }

  private static List<double[]> rows(LoadedModel model, String text, boolean beginning, String hook)
      throws IOException {
    // The beginning-of-text token of all tiny models is 0.
    int[] before = beginning ? new int[] {0} : new int[0];
    return PlantedDictionary.activations(model, text, CONTEXT, before, HookPoint.parse(hook));
  }

  private static Dictionary planted(List<double[]> rows, String hook) {
    return PlantedDictionary.of(rows, hook, true, Optional.empty(), true);
  }

  @Test
  void aDictionaryAtItsPlaceIsRight() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      List<double[]> rows = rows(model, text, true, "layers.1.attn_out");
      Dictionary right = planted(rows, "layers.1.attn_out");
      Audit audit = audit(model, text, right);
      Finding found = audit.dictionaries().getFirst();
      assertThat(found.outcome()).as(found.sentence()).isEqualTo(Outcome.RIGHT);
      assertThat(found.sentence())
          .startsWith("is where its configuration says, at layers.1.attn_out, with FVU 0.000");
      assertThat(found.fitting().fvu()).isLessThan(0.1);
      assertThat(found.fitting().deadFraction()).isZero();
      assertThat(found.fitting().trial()).isEqualTo(found.configured().trial());
      assertThat(audit.tokens()).isEqualTo(rows.size()).isEqualTo(found.fitting().tokens());
      // Its place is as wide as what the covariance of those tokens says.
      Spectrum spectrum = spectrum(rows);
      assertThat(found.fitting().effectiveRank()).isCloseTo(spectrum.effectiveRank(), within(1e-3));
      assertThat(found.fitting().intrinsicDimension()).isEqualTo(spectrum.intrinsicDimension(0.99));
    }
  }

  @Test
  void tokensBehindThoseOfTheSearchAreMeasuredToo() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text(900);
      String hook = "layers.0.attn_out";
      List<double[]> rows = rows(model, text, true, hook);
      // The first half alone has features of its own.
      Audit audit = audit(model, text, planted(rows.subList(0, 400), hook));
      Finding found = audit.dictionaries().getFirst();
      assertThat(found.outcome()).as(found.sentence()).isEqualTo(Outcome.RIGHT);
      assertThat(audit.searchTokens()).isBetween(450L, 600L);
      assertThat(audit.tokens()).isEqualTo(rows.size()).isEqualTo(840);
      double[] ofSearch =
          found.trials().stream()
              .filter(result -> result.trial().equals(found.fitting().trial()))
              .mapToDouble(TrialResult::fvu)
              .toArray();
      assertThat(ofSearch).hasSize(1);
      assertThat(found.fitting().fvu()).isGreaterThan(1.2 * ofSearch[0]);
      assertThat(found.fitting().effectiveRank())
          .isCloseTo(spectrum(rows).effectiveRank(), within(1e-3));
    }
  }

  @Test
  void aPlaceThatTheModelLacksIsSaidSo() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      List<double[]> rows = rows(model, text, true, "layers.2.attn_out");
      Finding found =
          audit(model, text, planted(rows, "layers.7.attn_out")).dictionaries().getFirst();
      assertThat(found.outcome()).isEqualTo(Outcome.UNNAMED);
      assertThat(found.sentence())
          .isEqualTo(
              "fits layers.2.attn_out, with FVU 0.000; its configuration names"
                  + " 'layers.7.attn_out', which is no hook point of tiny-llama with its width");
    }
  }

  private static Spectrum spectrum(List<double[]> rows) {
    int width = rows.getFirst().length;
    float[] values = new float[rows.size() * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) rows.get(i / width)[i % width];
    }
    try (CovarianceAccumulator sums = CovarianceAccumulator.on(Device.CPU, width)) {
      sums.add(MemorySegment.ofArray(values), DType.F32, rows.size());
      return Spectrum.of(sums.covariance());
    }
  }

  @Test
  void aDictionaryOfANeighbourIsFoundThere() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      Audit audit =
          audit(
              model,
              text,
              planted(rows(model, text, true, "layers.0.attn_out"), "layers.1.attn_out"),
              planted(rows(model, text, true, "layers.1.mlp_in"), "layers.1.mlp_out"),
              planted(rows(model, text, true, "layers.0.resid"), "layers.1.resid"),
              planted(rows(model, text, true, "layers.2.attn_out"), ""));
      assertThat(audit.dictionaries())
          .extracting(Finding::outcome)
          .as(said(audit))
          .containsExactly(
              Outcome.OTHER_PLACE, Outcome.OTHER_PLACE, Outcome.OTHER_PLACE, Outcome.UNNAMED);
      assertThat(audit.dictionaries())
          .extracting(found -> found.fitting().trial().place().toString())
          .containsExactly(
              "layers.0.attn_out", "layers.1.mlp_in", "layers.0.resid", "layers.2.attn_out");
      Finding first = audit.dictionaries().getFirst();
      assertThat(first.configured().fvu()).isGreaterThan(0.1);
      assertThat(first.sentence())
          .matches(
              "fits layers.0.attn_out, with FVU 0\\.000; its configuration says"
                  + " 'layers.1.attn_out' \\(FVU \\d.*\\): its layers are counted from 1");
      assertThat(audit.dictionaries().get(2).sentence())
          .endsWith("its layers are counted from 1, or it means the stream before the layer");
      assertThat(audit.dictionaries().getLast().sentence())
          .endsWith("its configuration names no hook point");
    }
  }

  @Test
  void aNormalisationThatItsFilesLeaveOutIsFound() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      String hook = "layers.1.mlp_out";
      List<double[]> rows = rows(model, text, true, hook);
      TokenNorm layerNorm = new TokenNorm(TokenNorm.Kind.LAYER_NORM, true);
      Audit audit =
          audit(
              model,
              text,
              planted(PlantedDictionary.unit(rows), hook),
              planted(PlantedDictionary.constant(rows), hook),
              PlantedDictionary.of(rows, hook, true, Optional.of(layerNorm), true),
              PlantedDictionary.of(rows, hook, true, Optional.empty(), false));
      assertThat(audit.dictionaries())
          .as(said(audit))
          .allMatch(found -> found.outcome() == Outcome.OTHER_NORMALISATION)
          .allMatch(found -> found.fitting().fvu() < 0.01 && found.configured().fvu() > 0.05)
          .extracting(found -> found.fitting().trial().normalisation())
          .containsExactly(
              Normalisation.UNIT, Normalisation.CONSTANT, Normalisation.NONE, Normalisation.NONE);
      assertThat(audit.dictionaries())
          .extracting(found -> found.fitting().trial().otherBias())
          .containsExactly(false, false, false, true);
      assertThat(audit.dictionaries().get(0).sentence())
          .contains("each token scaled to length √d", "constant_norm_rescale");
      assertThat(audit.dictionaries().get(1).sentence()).contains("--activation-scale ");
      assertThat(audit.dictionaries().get(3).sentence())
          .contains("given activations less its decoder bias");
    }
  }

  @Test
  void theBeginningOfTextTokenIsFoundMissing() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      String hook = "layers.1.attn_out";
      Dictionary with =
          PlantedDictionary.of(rows(model, text, true, hook), hook, false, Optional.empty(), true);
      Dictionary without =
          PlantedDictionary.of(rows(model, text, false, hook), hook, null, Optional.empty(), true);
      Audit audit = audit(model, text, with, without);
      assertThat(audit.dictionaries())
          .as(said(audit))
          .allMatch(found -> found.outcome() == Outcome.OTHER_BEGINNING)
          .extracting(found -> found.fitting().trial().beginning())
          .containsExactly(true, false);
      assertThat(audit.dictionaries().getFirst().sentence())
          .contains("given contexts that begin with the beginning-of-text token", "trained on");
    }
  }

  @Test
  void theTokenIsFoundWhereTheTokenizerAddsNone() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      assertThat(model.tokenizer().prefix()).isEmpty();
      String text = text();
      List<double[]> rows = rows(model, text, true, "layers.1.z");
      Dictionary promised = PlantedDictionary.of(rows, "layers.1.z", true, Optional.empty(), true);
      Dictionary silent = PlantedDictionary.of(rows, "layers.1.z", null, Optional.empty(), true);
      Audit audit = audit(model, text, promised, silent);
      assertThat(audit.dictionaries())
          .as(said(audit))
          .allMatch(found -> found.fitting().trial().beginning())
          .extracting(Finding::outcome)
          .containsExactly(Outcome.RIGHT, Outcome.OTHER_BEGINNING);
    }
  }

  @Test
  void severalDifferencesAreNamedTogether() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      List<double[]> rows = rows(model, text, false, "layers.0.mlp_out");
      Audit audit = audit(model, text, planted(PlantedDictionary.unit(rows), "layers.1.mlp_out"));
      Finding found = audit.dictionaries().getFirst();
      assertThat(found.outcome()).as(said(audit)).isEqualTo(Outcome.SEVERAL);
      assertThat(found.sentence())
          .contains(
              "fits layers.0.mlp_out, given each token scaled to length √d and contexts without",
              "says 'layers.1.mlp_out' and unchanged activations and contexts that begin with")
          .endsWith(": its layers are counted from 1");
    }
  }

  private static List<double[]> scaled(List<double[]> rows, double scale) {
    return rows.stream()
        .map(row -> Arrays.stream(row).map(value -> scale * value).toArray())
        .toList();
  }

  @Test
  void aTranscoderThatReadsAnotherPlaceIsFound() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      List<double[]> outputs = rows(model, text, true, "layers.1.mlp_out");
      List<double[]> read = rows(model, text, true, "layers.1.resid_mid");
      double scale = PlantedDictionary.constant(read).getFirst()[0] / read.getFirst()[0];
      Audit audit =
          audit(
              model,
              text,
              PlantedDictionary.transcoder(
                  rows(model, text, true, "layers.1.mlp_in"),
                  outputs,
                  "layers.1.mlp_in",
                  "layers.1.mlp_out"),
              PlantedDictionary.transcoder(read, outputs, "layers.1.mlp_in", "layers.1.mlp_out"),
              PlantedDictionary.transcoder(
                  scaled(read, scale), scaled(outputs, scale), "input", "output"));
      assertThat(audit.dictionaries())
          .as(said(audit))
          .extracting(Finding::outcome)
          .containsExactly(Outcome.RIGHT, Outcome.OTHER_PLACE, Outcome.UNNAMED);
      assertThat(audit.dictionaries().get(1).sentence())
          .startsWith("fits layers.1.resid_mid to layers.1.mlp_out, with FVU 0.000")
          .endsWith(": another hook point of the layer");
      assertThat(audit.dictionaries().get(2).fitting().trial())
          .hasToString(
              "Trial[place=layers.1.resid_mid to layers.1.mlp_out, beginning=true,"
                  + " normalisation=CONSTANT, otherBias=false]");
    }
  }

  @Test
  void whatFitsNowhereHasNoCulprit() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      Random random = new Random(Seeds.seed() + 1);
      List<double[]> noise =
          rows(model, text, true, "layers.1.mlp_out").stream()
              .map(row -> random.doubles(row.length, 1, 3).toArray())
              .toList();
      Dictionary narrow = planted(noise.stream().map(row -> Arrays.copyOf(row, 7)).toList(), "");
      Audit audit = audit(model, text, planted(noise, "layers.1.mlp_out"), narrow);
      Finding found = audit.dictionaries().getFirst();
      assertThat(found.outcome()).as(said(audit)).isEqualTo(Outcome.NOWHERE);
      assertThat(found.fitting()).isNull();
      assertThat(found.configured().fvu()).isGreaterThan(0.75);
      assertThat(found.sentence())
          .startsWith("fits nowhere: FVU is ")
          .endsWith("too little to name a cause");
      assertThat(audit.dictionaries().getLast().sentence())
          .isEqualTo("fits nowhere: tiny-llama has no hook point of its width");
      JsonNode json = new ObjectMapper().readTree(audit.json());
      assertThat(json.at("/dictionaries/0/fitting").isNull()).isTrue();
      assertThat(json.at("/dictionaries/0/trials").size()).isEqualTo(found.trials().size());
    }
  }

  @Test
  void aTextThatIsTooShortIsRefused() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      Dictionary right = planted(rows(model, text, true, "layers.1.mlp_out"), "layers.1.mlp_out");
      assertThatThrownBy(() -> audit(model, "the white whale", right))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "text.txt: has 2 tokens that can be measured, of all asked for; an audit needs 64,"
                  + " give more");
    }
  }

  /** A batch has more tokens than that. */
  @Test
  void fewTokensAreMeasuredWhereFewAreAskedFor() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String text = text();
      Dictionary right = planted(rows(model, text, true, "layers.1.mlp_out"), "layers.1.mlp_out");
      Audit audit = few(model, text, 100, right);
      assertThat(audit.tokens()).isBetween(64L, 100L);
      assertThat(audit.dictionaries().getFirst().outcome()).isEqualTo(Outcome.RIGHT);
      assertThatThrownBy(() -> few(model, text, 20, right))
          .isInstanceOf(IOException.class)
          .hasMessageMatching(
              ".*text.txt: has \\d+ tokens that can be measured, of 20 asked for; an audit needs 64,"
                  + " give more");
    }
  }

  private Audit few(LoadedModel model, String text, long tokens, Dictionary dictionary)
      throws IOException {
    Path file = Files.writeString(folder.resolve("text.txt"), text);
    ContextSpec spec = new ContextSpec(List.of(file), CONTEXT + 1, 0, 64, tokens);
    return new Auditor(model, spec, EngineFactory.vector(Workers.allCores()))
        .audit(List.of(AuditedDictionary.of("only", dictionary)), (stage, done, total) -> {});
  }
}
