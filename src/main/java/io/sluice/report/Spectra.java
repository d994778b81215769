package io.sluice.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * The contents of {@code spectrum.json}: the spectra of the hook points of one model over one text,
 * and those of its output projections. The measures are defined in arXiv 2508.16929.
 *
 * @param model name of the model
 * @param text name of the text
 * @param tokens tokens that the covariances were taken over
 * @param tau share of variance that the intrinsic dimension holds, in (0, 1]
 * @param dModel width of the residual stream
 * @param layers layers of the model
 * @param hooks one entry per hook point, in any order
 * @param outputProjections one entry per output projection {@code W_O}; may be empty
 */
public record Spectra(
    String model,
    String text,
    long tokens,
    @JsonProperty(required = true) double tau,
    int dModel,
    int layers,
    @JsonProperty(required = true) List<Hook> hooks,
    List<OutputProjection> outputProjections) {

  /** The {@code format} of a spectrum file. */
  public static final String FORMAT = "sluice.spectrum/1";

  private static final String REMEDY = "write it again with 'sluice spectrum'";

  /**
   * The spectrum of one hook point.
   *
   * @param hook its name, for instance {@code layers.3.attn_out}
   * @param kind its kind, for instance {@code attn_out}
   * @param layer its layer, from 0
   * @param width its dimension d
   * @param tokens tokens that the covariance was taken over
   * @param intrinsicDimension smallest k whose directions hold the share tau of the variance
   * @param intrinsicDimensionRatio k / d
   * @param effectiveRank exponential of the entropy of the singular values
   * @param effectiveRankRatio effective rank / d
   * @param participationRatio (Σλ)² / Σλ²
   * @param stableRank Σλ / λ₁
   * @param totalVariance Σλ over all d directions
   * @param eigenvalues λ of the covariance, descending; at most d of them
   * @param outlierSeverity γ = ‖μ‖ / ‖σ‖ (arXiv 2605.31518), with σ the standard deviation of each
   *     dimension; null in older files
   * @param expectedDead predictions for dictionaries that start here; null if none was asked for
   */
  public record Hook(
      String hook,
      @JsonProperty(required = true) String kind,
      @JsonProperty(required = true) int layer,
      @JsonProperty(required = true) int width,
      Long tokens,
      @JsonProperty(required = true) int intrinsicDimension,
      Double intrinsicDimensionRatio,
      Double effectiveRank,
      Double effectiveRankRatio,
      Double participationRatio,
      Double stableRank,
      Double totalVariance,
      @JsonProperty(required = true) double[] eigenvalues,
      @JsonInclude(JsonInclude.Include.NON_NULL) Double outlierSeverity,
      @JsonInclude(JsonInclude.Include.NON_NULL) List<ExpectedDead> expectedDead) {

    /** The intrinsic dimension as a share of the width, in (0, 1]. */
    public double dimensionShare() {
      return (double) intrinsicDimension / width;
    }

    /** The effective rank as a share of the width, or null if the file has none. */
    public Double rankShare() {
      return effectiveRank == null ? null : Double.valueOf(effectiveRank / width);
    }
  }

  /**
   * The expected share of a new dictionary's features that are never among the k largest, from mean
   * and covariance ({@code io.sluice.geometry.DeadPrediction}).
   *
   * @param features number of features
   * @param k features that stay active on a token
   * @param tokens length of the start in which a feature does not fire
   * @param init {@code random} or {@code asi}
   * @param centred whether the mean is subtracted
   * @param share of the features, in [0, 1]
   */
  public record ExpectedDead(
      @JsonProperty(required = true) int features,
      @JsonProperty(required = true) int k,
      @JsonProperty(required = true) long tokens,
      @JsonProperty(required = true) String init,
      @JsonProperty(required = true) boolean centred,
      @JsonProperty(required = true) double share) {}

  /**
   * The spectrum of one output projection and the overlap of its heads.
   *
   * @param layer its layer, from 0
   * @param heads attention heads
   * @param singularValues σ of {@code W_O}, descending
   * @param intrinsicDimension smallest k whose directions hold the share tau of Σσ²
   * @param effectiveRank exponential of the entropy of the singular values
   * @param headEffectiveRank the effective rank of each head's block; may be null
   * @param headOverlap mean squared cosine of the principal angles between the output subspaces of
   *     heads i and j, in [0, 1]; may be null
   */
  public record OutputProjection(
      @JsonProperty(required = true) int layer,
      @JsonProperty(required = true) int heads,
      @JsonProperty(required = true) double[] singularValues,
      Double intrinsicDimension,
      Double effectiveRank,
      double[] headEffectiveRank,
      double[][] headOverlap) {}

  /** Checks the numbers that the page needs; the message names the one out of range. */
  public Spectra {
    require(tau > 0 && tau <= 1, "tau is " + tau + ", not in (0, 1]");
    require(hooks != null && hooks.stream().noneMatch(Objects::isNull), "hooks is or holds null");
    hooks = List.copyOf(hooks);
    outputProjections = outputProjections == null ? List.of() : outputProjections;
    require(outputProjections.stream().noneMatch(Objects::isNull), "outputProjections holds null");
    outputProjections = List.copyOf(outputProjections);
    for (int i = 0; i < hooks.size(); i++) {
      check("hooks[" + i + "]", hooks.get(i));
    }
    for (int i = 0; i < outputProjections.size(); i++) {
      check("outputProjections[" + i + "]", outputProjections.get(i));
    }
  }

  /**
   * Reads a {@code spectrum.json}.
   *
   * @throws IOException if the file is missing, empty, truncated or not a spectrum file; the
   *     message names the file and what to do
   */
  public static Spectra read(Path file) throws IOException {
    return Fields.read(file, FORMAT, REMEDY).record(Spectra.class);
  }

  /** The hook points of one kind, in order of their layers. */
  List<Hook> ofKind(String kind) {
    return hooks.stream()
        .filter(h -> h.kind().equals(kind))
        .sorted((a, b) -> Integer.compare(a.layer(), b.layer()))
        .toList();
  }

  private static void check(String at, Hook h) {
    require(h.kind() != null && !h.kind().isBlank(), at + ".kind is empty");
    require(h.layer() >= 0, at + ".layer is " + h.layer());
    require(h.width() > 0, at + ".width is " + h.width());
    require(
        h.intrinsicDimension() >= 0 && h.intrinsicDimension() <= h.width(),
        at + ".intrinsicDimension is " + h.intrinsicDimension() + " for a width of " + h.width());
    checkValues(at + ".eigenvalues", h.eigenvalues(), h.width());
    require(
        h.outlierSeverity() == null || h.outlierSeverity() >= 0,
        at + ".outlierSeverity is " + h.outlierSeverity());
    if (h.expectedDead() != null) {
      for (int i = 0; i < h.expectedDead().size(); i++) {
        check(at + ".expectedDead[" + i + "]", h.expectedDead().get(i));
      }
    }
  }

  private static void check(String at, ExpectedDead dead) {
    require(dead != null, at + " is null");
    require(dead.init() != null && !dead.init().isBlank(), at + ".init is empty");
    require(dead.features() > 0, at + ".features is " + dead.features());
    require(dead.k() > 0, at + ".k is " + dead.k());
    require(dead.tokens() > 0, at + ".tokens is " + dead.tokens());
    require(dead.share() >= 0 && dead.share() <= 1, at + ".share is " + dead.share());
  }

  private static void check(String at, OutputProjection p) {
    require(p.layer() >= 0, at + ".layer is " + p.layer());
    require(p.heads() > 0, at + ".heads is " + p.heads());
    checkValues(at + ".singularValues", p.singularValues(), Integer.MAX_VALUE);
    if (p.headOverlap() == null) {
      return;
    }
    require(
        p.headOverlap().length == p.heads(),
        at + ".headOverlap has " + p.headOverlap().length + " rows for " + p.heads() + " heads");
    for (double[] row : p.headOverlap()) {
      require(
          row != null && row.length == p.heads(),
          at + ".headOverlap is not a square of " + p.heads() + " heads");
    }
  }

  private static void checkValues(String at, double[] values, int most) {
    require(values != null && values.length > 0, at + " is empty");
    require(values.length <= most, at + " has " + values.length + " values for a width of " + most);
    for (int i = 0; i < values.length; i++) {
      require(Double.isFinite(values[i]), at + "[" + i + "] is " + values[i]);
    }
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  /** The text of a {@code spectrum.json}. */
  public String toJson() {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode node = mapper.createObjectNode();
    node.put("format", FORMAT);
    node.setAll((ObjectNode) mapper.valueToTree(this));
    try {
      return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(node) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("spectra have no JSON", e);
    }
  }
}
