package io.sluice.features.compare;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * How much two dictionaries, A and B, agree.
 *
 * @param featuresA features of A
 * @param featuresB features of B
 * @param meanMaxCosineA mean over A's features of the largest cosine with a decoder row of B
 * @param meanMaxCosineB the same of B's features
 * @param stable by cosine threshold
 * @param oneToOne the assignment by cosine
 * @param unstableA where A's features lie whose largest cosine is below {@link #STABLE}
 * @param unstableB the same of B
 * @param coActivation on a store; null without one
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Comparison(
    int featuresA,
    int featuresB,
    double meanMaxCosineA,
    double meanMaxCosineB,
    List<Share> stable,
    OneToOne oneToOne,
    Unstable unstableA,
    Unstable unstableB,
    CoActivation coActivation) {

  /**
   * From this cosine on a feature counts as stable; the threshold of arXiv 2501.16615 ("Sparse
   * Autoencoders Trained on the Same Data Learn Different Features").
   */
  public static final double STABLE = 0.7;

  /**
   * Shares of features that have a partner of at least this cosine.
   *
   * @param cosine the threshold
   * @param bestA share of A's features whose best match reaches it
   * @param bestB share of B's
   * @param oneToOne share of the smaller dictionary's features in pairs that reach it
   */
  public record Share(double cosine, double bestA, double bestB, double oneToOne) {}

  /**
   * A one-to-one matching.
   *
   * @param pairs how many pairs
   * @param mean mean similarity over the features of the smaller dictionary
   * @param gap by how much, at most, the mean of the best matching of all pairs is larger
   */
  public record OneToOne(int pairs, double mean, double gap) {}

  /**
   * Where unstable features lie (arXiv 2606.12138: "Unstable Features, Reproducible Subspaces").
   *
   * @param features how many they are
   * @param dimension directions that hold 99 % of their decoder rows' squared length; null, as all
   *     that follows, where rows over several hook points are too wide for it
   * @param participation participation ratio: about how many directions they spread over
   * @param otherInside share of the squared length of the other dictionary's unstable rows inside
   *     the leading {@code participation} directions of these; null if the other has none
   * @param chance that share for directions drawn at random from the whole space
   * @param active share of their squared length inside the active subspace; null without an active
   *     subspace
   * @param stableActive the same share of the stable features; null without one, or without any
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Unstable(
      int features,
      Integer dimension,
      Double participation,
      Double otherInside,
      Double chance,
      Double active,
      Double stableActive) {}

  /**
   * Which features fire on the same tokens, by the Jaccard index of the tokens on which they fire.
   *
   * @param tokens tokens that were read
   * @param firingA features of A that fire on one of them
   * @param firingB the same of B
   * @param meanBestA mean over A's firing features of the largest index with a feature of B
   * @param meanBestB the same of B
   * @param oneToOne the assignment by the index; its mean is over the smaller number of firing
   *     features
   * @param agree share of A's firing features whose best match by cosine is also the best by firing
   * @param ofPairs mean index of the pairs that are assigned by cosine
   * @param activeDimension dimensions of the active subspace, which holds 99 % of the variance;
   *     null where the dictionaries write several hook points, or one that the store does not have
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record CoActivation(
      int tokens,
      int firingA,
      int firingB,
      double meanBestA,
      double meanBestB,
      OneToOne oneToOne,
      double agree,
      double ofPairs,
      Integer activeDimension) {}
}
