package io.sluice.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.sluice.evaluation.LossRecovery;
import io.sluice.evaluation.LossRecovery.Point;
import io.sluice.report.Spectra.Hook;
import io.sluice.report.Spectra.OutputProjection;
import io.sluice.report.TrainingRun.Evaluation;
import io.sluice.report.TrainingRun.Metric;
import io.sluice.report.TrainingRun.Result;
import io.sluice.report.TrainingRun.Setting;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Function;

/**
 * The data of the page's script, as JSON: the report's data, thinned and rounded to the resolution
 * of a screen. Absent parts are null and do not appear.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record PageModel(
    String title,
    Geometry geometry,
    Loss loss,
    List<Run> runs,
    RunWords words,
    List<String> differing,
    List<SweepModel> sweeps,
    List<Setting> provenance,
    Double tau,
    List<FeatureCards> features) {

  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Geometry(double tau, int dModel, List<Place> places, List<Projection> projections) {}

  /** One hook point. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Place(
      String kind,
      int layer,
      int width,
      int dimension,
      double dimensionShare,
      Double rank,
      Double rankShare,
      Double participationRatio,
      Double stableRank,
      Double outlierSeverity,
      Curve curve,
      List<Spectra.ExpectedDead> expectedDead) {}

  /** One output projection; {@code chance} is the overlap that random heads would have. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Projection(
      int layer,
      int heads,
      int width,
      Double dimension,
      Double dimensionShare,
      Double rank,
      Double rankShare,
      Curve curve,
      double[] headRank,
      double[][] overlap,
      Double chance) {}

  /** The loss of the model with projections. */
  record Loss(double cleanLoss, long tokens, List<Recovery> curves) {}

  /**
   * The curve of one hook point; {@code needed} is the share of directions that recovers most of
   * the loss.
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Recovery(
      String hook, String kind, int width, double ablatedLoss, Double needed, List<Point> points) {}

  /**
   * One run; runs with equal {@code question} are comparable. {@code going} says how far it is, if
   * it has no result.
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Run(
      String name,
      String question,
      List<Setting> settings,
      Result result,
      String going,
      Course course,
      Evaluation evaluation) {}

  /** A run's metrics by column; an entry is null if a line lacks the number. */
  record Course(long[] step, long[] tokens, Double[] fvu, Double[] heldOut, Double[] dead) {}

  public static PageModel of(Report report) {
    Spectra spectra = report.spectra();
    return new PageModel(
        report.title(),
        spectra == null || spectra.hooks().isEmpty() ? null : geometry(spectra),
        report.loss() == null ? null : loss(report.loss()),
        runs(report.runs()),
        report.runs().isEmpty() ? null : RunWords.of(report.runs()),
        RunQuestion.differing(report.runs()),
        report.sweeps().stream().map(SweepModel::of).toList(),
        report.provenance(),
        spectra == null ? null : spectra.tau(),
        report.features());
  }

  private static Geometry geometry(Spectra spectra) {
    return new Geometry(
        spectra.tau(),
        spectra.dModel(),
        spectra.hooks().stream().map(PageModel::place).toList(),
        spectra.outputProjections().stream().map(p -> projection(spectra, p)).toList());
  }

  private static Loss loss(LossRecovery loss) {
    return new Loss(
        Curve.round(loss.cleanLoss()),
        loss.tokens(),
        loss.hooks().stream().map(PageModel::recovery).toList());
  }

  private static Recovery recovery(LossRecovery.Curve curve) {
    OptionalDouble needed = curve.shareThatRecovers(Findings.MOST_OF_THE_LOSS);
    return new Recovery(
        curve.hook(),
        Findings.kind(curve.hook()),
        curve.width(),
        Curve.round(curve.ablatedLoss()),
        needed.isPresent() ? rounded(needed.getAsDouble()) : null,
        curve.points().stream()
            .map(
                point ->
                    new Point(
                        point.k(),
                        Curve.round(point.share()),
                        Curve.round(point.loss()),
                        Curve.round(point.recovered())))
            .toList());
  }

  private static Place place(Hook hook) {
    double total = hook.totalVariance() == null ? 0 : hook.totalVariance();
    return new Place(
        hook.kind(),
        hook.layer(),
        hook.width(),
        hook.intrinsicDimension(),
        Curve.round(hook.dimensionShare()),
        rounded(hook.effectiveRank()),
        rounded(hook.rankShare()),
        rounded(hook.participationRatio()),
        rounded(hook.stableRank()),
        rounded(hook.outlierSeverity()),
        Curve.of(hook.eigenvalues(), total, hook.intrinsicDimension()),
        hook.expectedDead());
  }

  private static Projection projection(Spectra spectra, OutputProjection p) {
    int width = p.singularValues().length;
    double[] variances = Arrays.stream(p.singularValues()).map(s -> s * s).toArray();
    int headsWidth =
        spectra.ofKind("z").stream().findFirst().map(Hook::width).orElse(spectra.dModel());
    double chance = Findings.chanceOverlap(headsWidth, p.heads(), spectra.dModel());
    int mark = p.intrinsicDimension() == null ? 0 : p.intrinsicDimension().intValue();
    return new Projection(
        p.layer(),
        p.heads(),
        width,
        p.intrinsicDimension(),
        share(p.intrinsicDimension(), width),
        rounded(p.effectiveRank()),
        share(p.effectiveRank(), width),
        Curve.of(variances, 0, mark),
        p.headEffectiveRank() == null ? null : rounded(p.headEffectiveRank()),
        p.headOverlap() == null
            ? null
            : Arrays.stream(p.headOverlap()).map(PageModel::rounded).toArray(double[][]::new),
        rounded(chance));
  }

  private static List<Run> runs(List<TrainingRun> runs) {
    List<String> names = RunQuestion.names(runs);
    List<Run> all = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      all.add(run(names.get(i), runs.get(i)));
    }
    return all;
  }

  private static Run run(String name, TrainingRun run) {
    return new Run(
        name,
        RunQuestion.of(run),
        run.settings().stream()
            .map(s -> new Setting(s.key(), SettingWords.of(s.key(), s.value())))
            .toList(),
        run.result(),
        RunWords.going(run),
        run.metrics().isEmpty() ? null : course(run.metrics()),
        run.evaluation());
  }

  private static Course course(List<Metric> metrics) {
    return new Course(
        metrics.stream().mapToLong(Metric::step).toArray(),
        metrics.stream().mapToLong(Metric::tokens).toArray(),
        column(metrics, Metric::fvu),
        column(metrics, Metric::heldOutFvu),
        column(metrics, Metric::deadFraction));
  }

  private static Double[] column(List<Metric> metrics, Function<Metric, Double> of) {
    return metrics.stream().map(of).map(PageModel::rounded).toArray(Double[]::new);
  }

  private static Double share(Double part, int whole) {
    return part == null ? null : rounded(part / whole);
  }

  private static Double rounded(Double value) {
    return value == null || !Double.isFinite(value) ? null : Double.valueOf(Curve.round(value));
  }

  private static double[] rounded(double[] values) {
    return Arrays.stream(values).map(Curve::round).toArray();
  }
}
