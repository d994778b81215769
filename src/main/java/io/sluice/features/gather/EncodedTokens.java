package io.sluice.features.gather;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.memory.Rows;
import java.io.IOException;

/** The codes of a store's tokens, batch after batch, by row. Memory is used again. */
public interface EncodedTokens extends AutoCloseable {
  /** Tokens of all batches. */
  long tokens();

  /** Whether there is another batch. */
  boolean hasNext();

  /**
   * Encodes the next batch.
   *
   * @throws IOException if the store cannot be read
   */
  Batch next() throws IOException;

  /**
   * What is written at the tokens of the batch, as the store has it; only where it was asked for.
   *
   * @throws IOException if the store cannot be read
   */
  Rows written() throws IOException;

  @Override
  void close();

  /**
   * A batch.
   *
   * @param codes the codes, token after token
   * @param rows the row of the store of each token, ascending, as int without a sign
   */
  record Batch(Codes codes, int[] rows) {}
}
