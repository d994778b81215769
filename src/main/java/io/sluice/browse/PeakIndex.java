package io.sluice.browse;

import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import io.sluice.store.TokenTable;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The tokens on which each feature fires most, with a few tokens around them, in memory: labels for
 * a list, and a search of all features for a text. It holds the strongest contexts of a feature, as
 * many as make {@link #MOST_CONTEXTS} in all, and at least one: 32 bytes each. Immutable.
 */
final class PeakIndex {
  /** Contexts of all features together: 128 MiB. */
  static final int MOST_CONTEXTS = 1 << 22;

  /** Tokens that a feature is labelled with. */
  static final int LABELS = 3;

  private static final int BEFORE = 4;
  private static final int AFTER = 3;
  private static final int WINDOW = BEFORE + 1 + AFTER;
  private static final int NONE = -1;

  private final TokenTable tokens;
  private final int features;
  private final int depth;
  private final int[] windows;

  private PeakIndex(TokenTable tokens, int features, int depth, int[] windows) {
    this.tokens = tokens;
    this.features = features;
    this.depth = depth;
    this.windows = windows;
  }

  /**
   * Reads the strongest contexts of all features, with all processors.
   *
   * @throws java.io.UncheckedIOException if a file is damaged
   */
  static PeakIndex of(FeatureFolder folder) {
    return of(folder, MOST_CONTEXTS);
  }

  static PeakIndex of(FeatureFolder folder, int mostContexts) {
    int features = folder.features().features();
    int depth = Math.clamp(mostContexts / features, 1, Math.max(1, folder.manifest().top()));
    int[] windows = new int[Math.multiplyExact(Math.multiplyExact(features, depth), WINDOW)];
    Arrays.fill(windows, NONE);
    IntStream.range(0, features)
        .parallel()
        .forEach(feature -> read(folder.contexts(), feature, depth, windows));
    return new PeakIndex(folder.tokens(), features, depth, windows);
  }

  private static void read(FeatureContexts contexts, int feature, int depth, int[] windows) {
    long first = contexts.first(feature);
    long end = Math.min(first + depth, contexts.first(feature + 1));
    for (long at = first; at < end; at++) {
      FeatureContext context = contexts.at(at);
      if (context.kind() != FeatureContexts.TOP) {
        return;
      }
      int base = (feature * depth + (int) (at - first)) * WINDOW;
      for (int i = 0; i < WINDOW; i++) {
        int token = context.at() - BEFORE + i;
        if (token >= 0 && token < context.tokens().length) {
          windows[base + i] = context.tokens()[token];
        }
      }
    }
  }

  /** The texts of the tokens on which a feature of a folder fires most, each once. */
  static List<String> peaks(FeatureFolder folder, int feature) {
    FeatureContexts contexts = folder.contexts();
    Set<String> texts = new LinkedHashSet<>();
    long end = contexts.first(feature + 1);
    for (long at = contexts.first(feature); at < end && texts.size() < LABELS; at++) {
      FeatureContext context = contexts.at(at);
      if (context.kind() != FeatureContexts.TOP) {
        break;
      }
      if (context.at() >= 0 && context.at() < context.tokens().length) {
        texts.add(folder.tokens().text(context.tokens()[context.at()]));
      }
    }
    return List.copyOf(texts);
  }

  /** The ids of the tokens on which a feature fires most, each once; -1 where there are fewer. */
  int[] labels(int feature) {
    int[] labels = new int[LABELS];
    Arrays.fill(labels, NONE);
    int found = 0;
    for (int i = 0; i < depth && found < LABELS; i++) {
      int token = windows[(feature * depth + i) * WINDOW + BEFORE];
      boolean known = token == NONE;
      for (int j = 0; j < found; j++) {
        known |= labels[j] == token;
      }
      if (!known) {
        labels[found++] = token;
      }
    }
    return labels;
  }

  /**
   * The features that fire on a text: at least one character of it is in the token on which one of
   * their strongest contexts fires. Capital and small letters are equal.
   *
   * @return a bit for each feature, the lowest of each byte first
   */
  byte[] find(String text) {
    byte[] bits = new byte[(features + 7) / 8];
    String wanted = text.toLowerCase(Locale.ROOT);
    if (wanted.isEmpty()) {
      return bits;
    }
    String[] lower = new String[tokens.size()];
    byte[] overlap = new byte[tokens.size()];
    IntStream.range(0, overlap.length)
        .parallel()
        .forEach(
            id -> {
              lower[id] = tokens.text(id).toLowerCase(Locale.ROOT);
              overlap[id] = (byte) (lower[id].contains(wanted) ? 2 : overlaps(lower[id], wanted));
            });
    IntStream.range(0, bits.length)
        .parallel()
        .forEach(
            at -> {
              for (int bit = 0; bit < 8 && 8 * at + bit < features; bit++) {
                if (fires(8 * at + bit, wanted, lower, overlap)) {
                  bits[at] |= (byte) (1 << bit);
                }
              }
            });
    return bits;
  }

  private boolean fires(int feature, String wanted, String[] lower, byte[] overlap) {
    for (int i = 0; i < depth; i++) {
      int base = (feature * depth + i) * WINDOW;
      int peak = windows[base + BEFORE];
      if (peak < 0 || peak >= overlap.length || overlap[peak] == 0) {
        continue;
      }
      if (overlap[peak] == 2 || aroundPeak(base, wanted, lower)) {
        return true;
      }
    }
    return false;
  }

  private boolean aroundPeak(int base, String wanted, String[] lower) {
    StringBuilder all = new StringBuilder();
    int start = 0;
    int end = 0;
    for (int i = 0; i < WINDOW; i++) {
      int token = windows[base + i];
      start = i == BEFORE ? all.length() : start;
      if (token >= 0 && token < lower.length) {
        all.append(lower[token]);
      }
      end = i == BEFORE ? all.length() : end;
    }
    for (int at = all.indexOf(wanted); at >= 0; at = all.indexOf(wanted, at + 1)) {
      if (at < end && at + wanted.length() > start) {
        return true;
      }
    }
    return false;
  }

  /** 1 if a token can hold a part of the text, else 0. */
  private static int overlaps(String token, String wanted) {
    if (token.isEmpty()) {
      return 0;
    }
    if (wanted.contains(token)) {
      return 1;
    }
    for (int n = Math.min(token.length(), wanted.length()); n > 0; n--) {
      if (token.regionMatches(token.length() - n, wanted, 0, n)
          || token.regionMatches(0, wanted, wanted.length() - n, n)) {
        return 1;
      }
    }
    return 0;
  }
}
