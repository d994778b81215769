package io.sluice.features;

import io.sluice.store.TokenTable;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * Finds features by a text on which they fire: a token on which the feature is active overlaps an
 * occurrence of the text in one of its top contexts. Upper and lower case are the same.
 */
public final class ContextSearch {
  private final FeatureFolder folder;
  private final String text;
  private final BitSet candidates;

  /**
   * A feature that fires on the text.
   *
   * @param feature its number
   * @param contexts how many of its top contexts have the text where it fires
   * @param of how many top contexts it has
   * @param activation its largest activation on the text
   * @param rank of the context with this activation
   */
  public record Hit(int feature, int contexts, int of, float activation, int rank) {}

  /**
   * A search.
   *
   * @throws IllegalArgumentException if the text is blank
   */
  public ContextSearch(FeatureFolder folder, String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException("the text to search for is blank; give a word");
    }
    this.folder = folder;
    this.text = text;
    this.candidates = candidates(folder.tokens(), text);
  }

  /** The tokens that may overlap an occurrence: inside it, around it, or over one of its ends. */
  private static BitSet candidates(TokenTable tokens, String text) {
    BitSet found = new BitSet(tokens.size());
    for (int id = 0; id < tokens.size(); id++) {
      String token = tokens.text(id);
      for (int at = 1 - text.length(); at < token.length(); at++) {
        // The occurrence would begin at this character of the token.
        int inToken = Math.max(0, at);
        int inText = Math.max(0, -at);
        int length = Math.min(token.length() - inToken, text.length() - inText);
        if (length > 0 && token.regionMatches(true, inToken, text, inText, length)) {
          found.set(id);
          break;
        }
      }
    }
    return found;
  }

  /**
   * The features that fire on the text: first those with the largest share of such contexts, then
   * with the largest activation, then with the lower number.
   *
   * @param most how many, at most
   */
  public List<Hit> find(int most) {
    return IntStream.range(0, folder.features().features())
        .parallel()
        .mapToObj(this::hit)
        .filter(Objects::nonNull)
        .sorted(
            Comparator.comparingDouble((Hit hit) -> -(double) hit.contexts / hit.of)
                .thenComparingDouble(hit -> -hit.activation)
                .thenComparingInt(Hit::feature))
        .limit(most)
        .toList();
  }

  private Hit hit(int feature) {
    int contexts = 0;
    int all = 0;
    float largest = 0;
    int rank = -1;
    long end = folder.contexts().first(feature + 1);
    for (long at = folder.contexts().first(feature); at < end; at++) {
      if (folder.contexts().kind(at) != FeatureContexts.TOP) {
        break;
      }
      float activation = on(folder.contexts().tokens(at), folder.contexts().activations(at));
      if (activation > 0) {
        contexts++;
      }
      if (activation > largest) {
        largest = activation;
        rank = all;
      }
      all++;
    }
    return contexts == 0 ? null : new Hit(feature, contexts, all, largest, rank);
  }

  /** The largest activation on an occurrence; 0 if there is none. */
  private float on(int[] tokens, float[] activations) {
    float largest = 0;
    String[] texts = null;
    for (int i = 0; i < Math.min(tokens.length, activations.length); i++) {
      float activation = Math.abs(activations[i]);
      if (activation > largest && tokens[i] >= 0 && candidates.get(tokens[i])) {
        if (texts == null) {
          texts = texts(tokens);
        }
        if (overlaps(texts, i)) {
          largest = activation;
        }
      }
    }
    return largest;
  }

  private String[] texts(int[] tokens) {
    List<String> texts = new ArrayList<>();
    for (int token : tokens) {
      texts.add(folder.tokens().text(token));
    }
    return texts.toArray(String[]::new);
  }

  private boolean overlaps(String[] tokens, int active) {
    StringBuilder before = new StringBuilder();
    for (int i = active - 1; i >= 0 && before.length() < text.length(); i--) {
      before.insert(0, tokens[i]);
    }
    int start = before.length();
    StringBuilder around = before.append(tokens[active]);
    int end = around.length();
    for (int i = active + 1; i < tokens.length && around.length() < end + text.length(); i++) {
      around.append(tokens[i]);
    }
    String whole = around.toString();
    for (int at = Math.max(0, start - text.length() + 1); at < end; at++) {
      if (whole.regionMatches(true, at, text, 0, text.length())) {
        return true;
      }
    }
    return false;
  }
}
