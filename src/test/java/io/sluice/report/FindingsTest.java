package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.report.Spectra.Hook;
import io.sluice.report.TrainingRun.Result;
import io.sluice.report.TrainingRun.Setting;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class FindingsTest {
  @Test
  void theHeadlineFollowsTheNumbers() {
    assertThat(
            Findings.of(spectra(hook("attn_out", 0, 40), hook("attn_out", 1, 60)), List.of())
                .headline())
        .isEqualTo("Attention writes in 50\u202f% of its dimensions.");
    assertThat(
            Findings.of(
                    spectra(hook("attn_out", 0, 97), hook("mlp_out", 0, 12), hook("resid", 0, 88)),
                    List.of())
                .headline())
        .isEqualTo(
            "Attention writes in 97\u202f% of its dimensions, the MLP in 12\u202f%; the residual stream"
                + " fills 88\u202f%.");
    assertThat(Findings.of(spectra(hook("resid", 0, 88)), List.of()).headline())
        .isEqualTo("The residual stream fills 88\u202f% of its dimensions.");
  }

  @Test
  void withoutSpectraTheRunsSpeak() {
    Findings findings =
        Findings.of(null, List.of(run("random", 0.468, 0.1323), run("asi", 0.0006, 0.1108)));
    assertThat(findings.headline())
        .isEqualTo(
            "Of 16,384 features, 47\u202f% end dead in ‘random’ (held-out FVU 0.132), 0.1\u202f% in ‘asi’ (held-out FVU"
                + " 0.111).");
    assertThat(Findings.of(null, List.of(run("one", 0, 0.2))).headline())
        .isEqualTo("‘one’: 0\u202f% of 16,384 features are dead (held-out FVU 0.200).");
    assertThat(
            Findings.of(null, List.of(new TrainingRun("x", List.of(), null, List.of(), null)))
                .headline())
        .isEqualTo("Nothing was measured yet.");
  }

  @Test
  void featuresAloneAreCounted() {
    FeatureCards some = new FeatureCards("runs/asi", "features", null, 16_384, 164, List.of());
    FeatureCards more = new FeatureCards("runs/random", "more", null, 1000, 470, List.of());
    assertThat(Findings.of(null, null, List.of(), List.of(), List.of(some)).headline())
        .isEqualTo("Of 16,384 features, 1.0\u202f% are dead.");
    assertThat(Findings.of(null, null, List.of(), List.of(), List.of(some, more)).headline())
        .isEqualTo("Of the features of 2 dictionaries, 1.0\u202f% to 47\u202f% are dead.");
  }

  @Test
  void runsOfOtherQuestionsAreNotCompared() {
    TrainingRun wide = run("wide", 0.9, 0.1, "65536");
    assertThat(
            Findings.of(null, List.of(wide, run("random", 0.468, 0.1323), run("asi", 0.0006, 0.11)))
                .headline())
        .contains("Of 16,384 features", "‘random’", "‘asi’")
        .doesNotContain("wide", "90");
  }

  @Test
  void tiesAreNoComparison() {
    assertThat(Findings.of(null, List.of(run("a", 0.0102, 0.2), run("b", 0.0101, 0.1))).headline())
        .isEqualTo("Of 16,384 features, 1.0\u202f% end dead in each of 2 runs.");
  }

  @Test
  void amongTiesTheErrorDecidesAndTheTieIsSaid() {
    assertThat(
            Findings.of(null, List.of(run("a", 0.3, 0.4), run("b", 0, 0.3), run("c", 0.0, 0.2)))
                .headline())
        .isEqualTo(
            "Of 16,384 features, 30\u202f% end dead in ‘a’ (held-out FVU 0.400), 0\u202f% in 2 runs, of"
                + " which ‘c’ reconstructs best (held-out FVU 0.200).");
  }

  @Test
  void runsThatDifferHaveNamesThatDiffer() {
    assertThat(
            RunQuestion.names(
                List.of(
                    run("asi", 0, 1, "512"),
                    run("asi", 0, 1, "1024"),
                    run("asi", 0, 1, "1024"),
                    run("random", 0, 1, "512"))))
        .containsExactly(
            "asi (features 512)", "asi (features 1024)", "asi (features 1024) (2)", "random");
  }

  @Test
  void whatARunKeepsAndWritesIsNoDifference() {
    List<TrainingRun> runs = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      List<Setting> settings =
          List.of(
              new Setting("features", "512"),
              new Setting("keepCheckpoints", Integer.toString(i)),
              new Setting("tensorBoard", Boolean.toString(i > 0)));
      runs.add(new TrainingRun("asi", settings, null, List.of(), null));
    }
    assertThat(RunQuestion.differing(runs)).isEmpty();
    assertThat(RunQuestion.names(runs)).containsExactly("asi", "asi (2)");
  }

  @Test
  void codesAreWords() {
    assertThat(SettingWords.of("dInit", "0")).isEqualTo("as many as tau asks for");
    assertThat(SettingWords.of("dInit", "12")).isEqualTo("12");
    assertThat(SettingWords.of("warmupSteps", "0")).isEqualTo("none");
    assertThat(SettingWords.of("init", "random")).isEqualTo("random directions");
    assertThat(SettingWords.of("seed", "0")).isEqualTo("0");
    assertThat(SettingWords.of("centre", "true")).isEqualTo("yes");
  }

  @Test
  void percentagesNeverClaimAllOrNothing() {
    assertThat(
            Stream.of(0.0, 0.0002, 0.001, 0.0299, 0.468, 0.994, 0.9996, 1.0).map(Findings::percent))
        .containsExactly(
            "0\u202f%",
            "less than 0.1\u202f%",
            "0.1\u202f%",
            "3.0\u202f%",
            "47\u202f%",
            "99\u202f%",
            "more than 99.9\u202f%",
            "100\u202f%");
  }

  private static Spectra spectra(Hook... hooks) {
    return new Spectra("m", "t", 1000, 0.99, 100, 2, List.of(hooks), List.of());
  }

  private static Hook hook(String kind, int layer, int k) {
    return new Hook(
        "h",
        kind,
        layer,
        100,
        1000L,
        k,
        null,
        null,
        null,
        null,
        null,
        null,
        new double[] {1},
        null,
        null);
  }

  private static TrainingRun run(String name, double dead, double fvu) {
    return run(name, dead, fvu, "16384");
  }

  private static TrainingRun run(String name, double dead, double fvu, String features) {
    Result result =
        new Result(1L, 1L, fvu, 1000L, fvu / 2, 10L, 32.0, dead, 200_000L, null, null, null);
    return new TrainingRun(
        name, List.of(new Setting("features", features)), result, List.of(), null);
  }
}
