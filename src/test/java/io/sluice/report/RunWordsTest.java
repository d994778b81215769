package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.report.TrainingRun.Metric;
import io.sluice.report.TrainingRun.Result;
import io.sluice.report.TrainingRun.Setting;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunWordsTest {
  private static final Result RESULT =
      new Result(1L, 1L, null, null, null, null, null, null, null, null, null, null);

  @Test
  void saysWhatMatteredOfOneRun() {
    TrainingRun run =
        run(
            "hook", "layers.3.attn_out",
            "kind.type", "autoencoder",
            "features", "16384",
            "activation", "topk",
            "k", "32",
            "prefixes", "[]",
            "penalty", "0.0",
            "penaltyKind", "l1",
            "init", "asi",
            "dInit", "0",
            "tau", "0.99",
            "centre", "true",
            "optimiser", "sparse-adam",
            "learningRate", "1.0E-4",
            "batch", "1024",
            "steps", "5000",
            "text", "moby-dick.txt",
            "subspaceDimensions", "180");
    RunWords words = RunWords.of(List.of(run));
    assertThat(words.shared()).isEmpty();
    assertThat(words.own())
        .containsExactly(
            "16,384 features, TopK with k 32, started in the active subspace of 180 dimensions,"
                + " centred, SparseAdam at 1e-4, 5,000 steps of 1,024 tokens,"
                + " of layers.3.attn_out, over moby-dick.txt");
  }

  @Test
  void saysOnceWhatIsSharedAndWhatIsTheirOwn() {
    TrainingRun random =
        run("features", "4096", "activation", "batchtopk", "k", "16", "init", "random");
    TrainingRun whitened =
        run(
            "features", "4096",
            "activation", "batchtopk",
            "k", "16",
            "init", "asi",
            "tau", "0.9",
            "remedies.whiten", "true",
            "remedies.constrain", "false",
            "remedies.revive", "true",
            "remedies.auxK", "0",
            "remedies.resampleEvery", "500");
    RunWords words = RunWords.of(List.of(random, whitened));
    assertThat(words.shared()).isEqualTo("4,096 features, BatchTopK with k 16");
    assertThat(words.own())
        .containsExactly(
            "started in random directions",
            "started in the active subspace that holds 90 % of the variance, whitened, AuxK with"
                + " as many features as half the width, dead features resampled every 500 steps");
    assertThat(RunWords.of(List.of(random, random)).own()).containsExactly("", "");
  }

  @Test
  void namesOtherKindsAndActivations() {
    assertThat(own("kind.type", "transcoder", "kind.target", "layers.2.mlp_out", "hook", "h"))
        .isEqualTo("transcoder, from h to layers.2.mlp_out");
    // A k decides nothing of JumpReLU; its penalty does.
    assertThat(own("activation", "jumprelu", "k", "32", "penalty", "2.0", "penaltyKind", "tanh"))
        .isEqualTo("JumpReLU, a penalty of 2 (tanh)");
    assertThat(own("activation", "matching_pursuit", "k", "8"))
        .isEqualTo("matching pursuit of at most 8 features");
    assertThat(own("activation", "topk", "k", "8", "prefixes", "[64,256]"))
        .isEqualTo("TopK with k 8, nested at 64 and 256");
    // A Lorsa, whose numbers are elsewhere.
    assertThat(
            own(
                "inputHook", "layers.1.attn_in",
                "outputHook", "layers.1.attn_out",
                "heads", "2048",
                "k", "64",
                "schedule.learningRate", "0.002",
                "schedule.steps", "300",
                "schedule.contexts", "16"))
        .isEqualTo(
            "2,048 heads, k 64, learning rate 0.002, 300 steps of 16 contexts, from"
                + " layers.1.attn_in to layers.1.attn_out");
    assertThat(own("features", "not a number", "unknown", "x")).isEqualTo("not a number features");
    assertThat(own()).isEmpty();
  }

  @Test
  void saysHowFarARunIs() {
    TrainingRun done = run("steps", "5000");
    assertThat(RunWords.going(done)).isNull();
    TrainingRun begun = new TrainingRun("r", done.settings(), null, List.of(), null);
    assertThat(RunWords.going(begun)).isEqualTo("Not at its end: step 0 of 5,000.");
    Metric metric = new Metric(1200, 1, null, null, null, null, null, null, null, null, null);
    TrainingRun going = new TrainingRun("r", done.settings(), null, List.of(metric), null);
    assertThat(RunWords.going(going)).isEqualTo("Not at its end: step 1,200 of 5,000.");
  }

  private static String own(String... settings) {
    return RunWords.of(List.of(run(settings))).own().getFirst();
  }

  private static TrainingRun run(String... settings) {
    List<Setting> all = new ArrayList<>();
    for (int i = 0; i < settings.length; i += 2) {
      all.add(new Setting(settings[i], settings[i + 1]));
    }
    return new TrainingRun("run", all, RESULT, List.of(), null);
  }
}
