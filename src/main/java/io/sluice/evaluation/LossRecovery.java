package io.sluice.evaluation;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The share of a model's next-token loss that the top {@code k} directions of an activation recover
 * (arXiv 2508.16929). With {@code L} the clean loss, {@code L₀} the loss with the mean in place of
 * the activation and {@code L_k} the loss with its projection on the directions, {@code
 * recovered(k) = (L₀ − L_k) / (L₀ − L)}. Written as JSON under these names.
 *
 * @param model name of the model
 * @param text name of the text
 * @param tokens tokens that were predicted
 * @param fromPosition the first position of each context that was replaced
 * @param cleanLoss {@code L}, nats per token
 * @param hooks one curve per hook point
 */
public record LossRecovery(
    String model,
    String text,
    long tokens,
    int fromPosition,
    @JsonProperty(required = true) double cleanLoss,
    @JsonProperty(required = true) List<Curve> hooks) {
  /** The {@code format} of the file. */
  public static final String FORMAT = "sluice.loss/1";

  /**
   * The curve of one hook point.
   *
   * @param hook its name, for instance {@code layers.9.attn_out}
   * @param width its dimension d
   * @param ablatedLoss {@code L₀}, nats per token
   * @param points by ascending k
   */
  public record Curve(
      @JsonProperty(required = true) String hook,
      @JsonProperty(required = true) int width,
      @JsonProperty(required = true) double ablatedLoss,
      @JsonProperty(required = true) List<Point> points) {

    /**
     * The share of the directions that recovers the share {@code wanted} of the loss, interpolated
     * between the points; empty if no point reaches it.
     */
    public OptionalDouble shareThatRecovers(double wanted) {
      double share = 0;
      double recovered = 0;
      for (Point point : points) {
        if (point.recovered() >= wanted) {
          double part = (wanted - recovered) / (point.recovered() - recovered);
          return OptionalDouble.of(share + part * (point.share() - share));
        }
        share = point.share();
        recovered = point.recovered();
      }
      return OptionalDouble.empty();
    }
  }

  /**
   * One point of a curve.
   *
   * @param k directions kept
   * @param share {@code k / d}
   * @param loss {@code L_k}, nats per token
   * @param recovered {@code (L₀ − L_k) / (L₀ − L)}
   */
  public record Point(
      @JsonProperty(required = true) int k,
      @JsonProperty(required = true) double share,
      @JsonProperty(required = true) double loss,
      @JsonProperty(required = true) double recovered) {}

  /** Checks that no part is missing. */
  public LossRecovery {
    if (hooks == null || hooks.isEmpty()) {
      throw new IllegalArgumentException("hooks is empty");
    }
    for (Curve curve : hooks) {
      if (curve == null || curve.hook() == null || curve.width() < 1 || curve.points() == null) {
        throw new IllegalArgumentException("hooks holds an incomplete curve");
      }
      for (Point point : curve.points()) {
        if (point == null
            || !Double.isFinite(point.recovered())
            || !Double.isFinite(point.share())) {
          throw new IllegalArgumentException("the curve of " + curve.hook() + " is damaged");
        }
      }
    }
    hooks = List.copyOf(hooks);
  }

  /** The {@code format}, for the file. */
  @JsonProperty(index = 0, access = JsonProperty.Access.READ_ONLY)
  public String format() {
    return FORMAT;
  }
}
