package io.sluice.audit;

import io.sluice.model.LanguageModel;
import io.sluice.model.loading.LoadedModel;
import java.util.List;

/**
 * How contexts of a model may begin.
 *
 * @param longest the model as it reads the longer ones; shares the weights of the model
 * @param with tokens before contexts with the beginning-of-text token
 * @param without tokens before contexts without it; of an encoder those that it always sees
 */
record Beginnings(LoadedModel longest, int[] with, int[] without) {
  static Beginnings of(LoadedModel model) {
    int[] prefix = model.tokenizer().prefix();
    if (!(model.transformer() instanceof LanguageModel)) {
      return new Beginnings(model, prefix, prefix);
    }
    if (model.beginningOfText().isEmpty()) {
      return new Beginnings(model, prefix, new int[0]);
    }
    LoadedModel begun = model.withBeginning(true);
    return new Beginnings(
        begun, begun.tokenizer().prefix(), model.withBeginning(false).tokenizer().prefix());
  }

  /** Whether contexts begin with the token, in each of the ways that differ. */
  List<Boolean> ways() {
    return with.length == without.length ? List.of(with.length > 0) : List.of(false, true);
  }
}
