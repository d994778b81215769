package io.sluice.features;

import java.util.List;

/**
 * One feature as it is shown: its numbers, contexts with their texts, and its effects. What a
 * folder lacks is an empty list or null.
 *
 * @param feature its number
 * @param count tokens on which it fires
 * @param density their share of all tokens
 * @param mean its activation, where it fires
 * @param max its largest activation
 * @param dead whether it has not fired in the last tokens
 * @param histogram how many of its activations have a size
 * @param encoderNorm length of the encoder row
 * @param decoderNorm length of the decoder row
 * @param cosine of the encoder row with the decoder row; null if they are of different hook points
 * @param activeShare share of the decoder row inside the active subspace; null if that is unknown
 * @param top the contexts in which it fires most, the strongest first
 * @param lower contexts in which it fires less
 * @param promotes the tokens whose logits it raises most, the largest first
 * @param suppresses the tokens whose logits it lowers most
 * @param heads share of the activation on its top contexts that each head gives; biases give the
 *     rest
 * @param group of a Lorsa's feature, the group of queries and keys that it attends with; else null
 * @param similar features with similar decoder rows, the most similar first
 */
public record Feature(
    int feature,
    long count,
    float density,
    float mean,
    float max,
    boolean dead,
    List<Bin> histogram,
    float encoderNorm,
    float decoderNorm,
    Float cosine,
    Float activeShare,
    List<Context> top,
    List<Context> lower,
    List<Effect> promotes,
    List<Effect> suppresses,
    List<Float> heads,
    Integer group,
    List<Similar> similar) {

  /** Copies the lists. */
  public Feature {
    histogram = List.copyOf(histogram);
    top = List.copyOf(top);
    lower = List.copyOf(lower);
    promotes = List.copyOf(promotes);
    suppresses = List.copyOf(suppresses);
    heads = List.copyOf(heads);
    similar = List.copyOf(similar);
  }

  /**
   * A bin of the histogram.
   *
   * @param from the smallest activation
   * @param to the end, exclusive
   * @param count how many activations it holds
   */
  public record Bin(double from, double to, long count) {}

  /**
   * A place in which the feature fires.
   *
   * @param row the row of the store
   * @param document name of the document; null if it is unknown
   * @param position of the token in the document
   * @param activation at this token
   * @param first position in the document of the first token shown
   * @param tokens the tokens around it
   * @param sources where the activation comes from, the largest first; empty if that is unknown
   */
  public record Context(
      long row,
      String document,
      int position,
      float activation,
      int first,
      List<Token> tokens,
      List<Source> sources) {
    /** Copies the lists. */
    public Context {
      tokens = List.copyOf(tokens);
      sources = List.copyOf(sources);
    }
  }

  /**
   * A token of a context.
   *
   * @param text of the token; its id in angle brackets if the text is unknown
   * @param activation of the feature at this token; 0 where it does not fire
   */
  public record Token(String text, float activation) {}

  /**
   * A part of an activation.
   *
   * @param position in the document that attention reads; -1 and below are special tokens before it
   * @param head that reads it
   * @param contribution to the activation
   */
  public record Source(int position, int head, float contribution) {}

  /**
   * An effect on a token's logit.
   *
   * @param text of the token
   * @param id of the token
   * @param logit what the decoder row adds to it, up to a positive factor
   */
  public record Effect(String text, int id, float logit) {}

  /**
   * A similar feature.
   *
   * @param feature its number
   * @param cosine of the two decoder rows
   */
  public record Similar(int feature, float cosine) {}
}
