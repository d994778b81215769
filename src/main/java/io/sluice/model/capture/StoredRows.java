package io.sluice.model.capture;

import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.Context;
import io.sluice.model.tokens.SpecialTokens;
import java.util.List;

/**
 * Which tokens of a context have rows in a store.
 *
 * @param special the special tokens around each context
 * @param specialTokens whether they are stored
 */
record StoredRows(SpecialTokens special, boolean specialTokens) {
  /** Those of a capture. */
  static StoredRows of(LoadedModel model, CaptureSpec spec) {
    return new StoredRows(spec.contexts().specialTokens(model), spec.specialTokens());
  }

  /** Position in a context of the first token that is stored. */
  int first(Context context) {
    return specialTokens ? 0 : special.prefix().length + context.seen();
  }

  /** How many rows a context has. */
  int count(Context context) {
    return context.fresh() + (specialTokens ? special.count() : 0);
  }

  /** How many rows contexts have. */
  int count(List<Context> contexts) {
    return contexts.stream().mapToInt(this::count).sum();
  }
}
