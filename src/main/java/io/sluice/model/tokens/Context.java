package io.sluice.model.tokens;

/**
 * Consecutive tokens of one document, to be run together.
 *
 * @param document the document's number, counted from 0
 * @param name the document's name
 * @param tokens the text's tokens, without special tokens
 * @param seen how many of the first tokens an earlier context has had already; the model sees them
 *     again, but they count once
 */
public record Context(int document, String name, int[] tokens, int seen) {
  /** How many tokens no earlier context has had. */
  public int fresh() {
    return tokens.length - seen;
  }
}
