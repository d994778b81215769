package io.sluice.cli.results;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.console.ConsolePrinter;
import io.sluice.features.effects.FiringFeatures;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;

/** Shows the features that fire on a text, token by token. */
public final class FiringText {
  private static final int SHOWN = 6;
  private static final int WIDEST = 24;

  private FiringText() {}

  /**
   * Prints the strongest features of each token.
   *
   * @param words the text of a token
   */
  public static void print(
      List<FiringFeatures.Token> tokens, IntFunction<String> words, PrintWriter out) {
    int width =
        tokens.stream()
            .mapToInt(token -> TokenShading.printable(words.apply(token.id())).length())
            .map(length -> Math.min(WIDEST, length))
            .max()
            .orElse(0);
    for (FiringFeatures.Token token : tokens) {
      StringBuilder line = new StringBuilder(TokenShading.printable(words.apply(token.id())));
      line.append(" ".repeat(Math.max(0, width - line.length()))).append("  ");
      for (int i = 0; i < Math.min(SHOWN, token.features().length); i++) {
        line.append(
            String.format(
                Locale.ROOT,
                "%s%d (%.2f)",
                i == 0 ? "" : ", ",
                token.features()[i],
                token.activations()[i]));
      }
      if (token.features().length == 0) {
        line.append("none");
      } else if (token.features().length > SHOWN) {
        line.append(String.format(Locale.ROOT, " and %d more", token.features().length - SHOWN));
      }
      ConsolePrinter.printOwn(out, line.toString());
      out.println();
    }
  }

  /** All features of each token. */
  public static ArrayNode json(List<FiringFeatures.Token> tokens, IntFunction<String> words) {
    ArrayNode json = JsonNodeFactory.instance.arrayNode();
    for (FiringFeatures.Token token : tokens) {
      ObjectNode each = json.addObject();
      each.put("text", words.apply(token.id()));
      each.put("id", token.id());
      each.put("position", token.position());
      ArrayNode features = each.putArray("features");
      for (int i = 0; i < token.features().length; i++) {
        features
            .addObject()
            .put("feature", token.features()[i])
            .put("activation", token.activations()[i]);
      }
    }
    return json;
  }
}
