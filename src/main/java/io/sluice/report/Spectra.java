package io.sluice.report;

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
      @JsonProperty(required = true) double[] eigenvalues) {

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
