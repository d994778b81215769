package io.sluice.model.capture;

import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.Context;
import io.sluice.model.tokens.SpecialTokens;
import io.sluice.text.TextProblems;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Reads texts as batches of contexts, special tokens included, ready to run:
 *
 * <pre>{@code
 * try (ContextBatches batches = ContextBatches.open(model, ContextSpec.of(texts, model))) {
 *   for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
 *     loss = loss.plus(model.languageModel().loss(batch, hooks));
 *   }
 * }
 * }</pre>
 */
public final class ContextBatches implements AutoCloseable {
  private final ContextReader reader;
  private final SpecialTokens special;
  private final int batch;
  private final Predicate<int[]> keep;
  private final long most;
  private long tokens;

  private ContextBatches(
      ContextReader reader, SpecialTokens special, int batch, Predicate<int[]> keep, long most) {
    this.reader = reader;
    this.special = special;
    this.batch = batch;
    this.keep = keep;
    this.most = most;
  }

  /**
   * Starts reading.
   *
   * @throws IOException if the tokenizer does not fit the model
   * @throws IllegalArgumentException if the context is longer than the model takes or leaves no
   *     room for text, or the stride is longer than that room
   */
  public static ContextBatches open(LoadedModel model, ContextSpec spec) throws IOException {
    return new ContextBatches(
        ContextReader.open(model, spec),
        spec.specialTokens(model),
        spec.batch(),
        tokens -> true,
        Long.MAX_VALUE);
  }

  /**
   * Starts reading at a later context.
   *
   * @param documents documents that are passed over
   * @param number the number of the document after them among all
   * @param passed contexts of that document that are passed over
   * @param most tokens after which no other batch begins
   * @throws IOException as {@link #open(LoadedModel, ContextSpec)}
   */
  static ContextBatches openAt(
      LoadedModel model, ContextSpec spec, int documents, int number, int passed, long most)
      throws IOException {
    ContextBatches batches =
        new ContextBatches(
            ContextReader.open(model, spec),
            spec.specialTokens(model),
            spec.batch(),
            tokens -> true,
            most);
    try {
      batches.reader.skip(documents, number, passed);
      return batches;
    } catch (IOException | RuntimeException | Error e) {
      batches.close();
      throw e;
    }
  }

  /**
   * Starts reading, and passes over some contexts; it stops after the context with which {@code
   * spec.tokens()} of the others are there.
   *
   * @param keep is given a context's tokens, without special tokens, and says whether it is used
   * @throws IOException as the other
   * @throws IllegalArgumentException as the other
   */
  public static ContextBatches open(LoadedModel model, ContextSpec spec, Predicate<int[]> keep)
      throws IOException {
    ContextSpec all =
        new ContextSpec(spec.texts(), spec.context(), spec.stride(), spec.batch(), Long.MAX_VALUE);
    return new ContextBatches(
        ContextReader.open(model, all),
        spec.specialTokens(model),
        spec.batch(),
        keep,
        spec.tokens());
  }

  /**
   * The next contexts, or null at the end. What counts of each are the tokens that no earlier
   * context has had.
   *
   * @throws IOException if a text is missing or cannot be read, none holds a word, something is
   *     wrong with one and they are read strictly, or the tokenizer gives an id that the model does
   *     not have
   */
  public TokenBatch next() throws IOException {
    List<Context> contexts = nextContexts();
    return contexts.isEmpty() ? null : special.batch(contexts);
  }

  /** The next contexts without special tokens; empty at the end. */
  List<Context> nextContexts() throws IOException {
    List<Context> contexts = new ArrayList<>(batch);
    while (contexts.size() < batch && tokens < most) {
      Context context = reader.next();
      if (context == null) {
        break;
      }
      if (!keep.test(context.tokens())) {
        continue;
      }
      contexts.add(context);
      tokens += context.fresh();
    }
    return contexts;
  }

  /** Tokens of text that have been read so far. */
  public long tokens() {
    return tokens;
  }

  /** The problems in the texts read so far. */
  public TextProblems problems() {
    return reader.problems();
  }

  /** Stops reading. */
  @Override
  public void close() throws IOException {
    reader.close();
  }
}
