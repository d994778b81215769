package io.sluice.training.sweep;

import io.sluice.engine.activation.ActivationFunctions;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A setting that may differ between the cells of a sweep, with its name on the command line and in
 * files.
 */
public enum Axis {
  /** The hook point that is read and written. */
  HOOK(Kind.NAME),
  /** The initial directions of features. */
  INIT("random", "asi"),
  /** Dimensions of the active subspace that features start in; 0 for as many as hold 99 %. */
  D_INIT(Kind.COUNT_OR_ZERO),
  /** Whether the decoder bias starts at the mean and is subtracted. */
  CENTRING("off", "on"),
  /** The optimiser, which determines the rows that are updated. */
  OPTIMISER("adam", "sparse-adam"),
  /** Element type of Adam's moments. */
  MOMENTS("float32", "bfloat16"),
  /** Element type of the encoder's product. */
  PRECISION("float32", "bfloat16"),
  /** Whether activations are scaled to a mean norm of {@code sqrt(d)}. */
  NORMALISE("off", "on"),
  /** Whether the length of the starting rows is searched for. */
  NORM_SEARCH("off", "on"),
  /** Whether training sees whitened activations. */
  WHITEN("off", "on"),
  /** In how many of the top directions training lives. */
  CONSTRAIN(Kind.COUNT, "off", "auto"),
  /** Whether dead features learn the residual, and how many of a token. */
  AUXK(Kind.COUNT, "off", "on"),
  /** Whether dead features start anew at badly reconstructed inputs, and after how many steps. */
  RESAMPLE(Kind.COUNT, "off", "on"),
  /** Number of features. */
  FEATURES(Kind.COUNT),
  /** Features per token. */
  K(Kind.COUNT),
  /** Peak learning rate. */
  LR(Kind.RATE),
  /** The activation function. */
  ACTIVATION(ActivationFunctions.labels().toArray(String[]::new)),
  /** The weight of the penalty, for activation functions that have one. */
  PENALTY(Kind.RATE),
  /** Tokens per step. */
  BATCH(Kind.COUNT),
  /** What directions follow from; repeats of an experiment. */
  SEED(Kind.WHOLE);

  /** Settings that cannot be axes because all cells of a sweep share them, and the reason. */
  private static final Map<String, String> SHARED =
      Map.of(
          "kind", "all cells read and write the hook point of the sweep",
          "target", "all cells read and write the hook point of the sweep",
          "store", "all cells share one reading of the data",
          "steps", "all cells share one reading of the data",
          "tokens", "all cells share one reading of the data",
          "data-seed", "all cells share one reading of the data",
          "engine", "one engine trains all cells",
          "device", "one engine trains all cells");

  private enum Kind {
    /** What is also part of the name of a folder. */
    NAME("[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}", "a name of letters, digits, '.', '_', '+' and '-'"),
    /** Nothing but the words. */
    WORD("", ""),
    COUNT("[1-9]\\d{0,8}", "a number from 1"),
    COUNT_OR_ZERO("0|[1-9]\\d{0,8}", "a number from 0"),
    WHOLE("-?\\d{1,18}", "a whole number"),
    RATE("(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d{1,3})?", "a positive number");

    private final String pattern;
    private final String says;

    Kind(String pattern, String says) {
      this.pattern = pattern;
      this.says = says;
    }
  }

  private final Kind kind;
  private final List<String> words;

  Axis(String... words) {
    this(Kind.WORD, words);
  }

  Axis(Kind kind, String... words) {
    this.kind = kind;
    this.words = List.of(words);
  }

  /** The name on the command line and in files. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The axis of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static Axis ofLabel(String label) {
    for (Axis axis : values()) {
      if (axis.label().equals(label)) {
        return axis;
      }
    }
    if (SHARED.containsKey(label)) {
      throw new IllegalArgumentException(
          "%s cannot be an axis: %s; make a sweep for each, or train alone"
              .formatted(label, SHARED.get(label)));
    }
    throw new IllegalArgumentException(
        "unknown axis '%s'; known: %s"
            .formatted(
                label,
                Arrays.stream(values())
                    .filter(axis -> axis != HOOK)
                    .map(Axis::label)
                    .collect(Collectors.joining(", "))));
  }

  /**
   * Refuses what is no value of this axis.
   *
   * @throws IllegalArgumentException with the values that there are
   */
  void require(String value) {
    if (words.contains(value)) {
      return;
    }
    boolean number = kind != Kind.WORD && value.matches(kind.pattern);
    if (number && kind == Kind.RATE) {
      double rate = Double.parseDouble(value);
      number = rate > 0 && Double.isFinite(rate);
    }
    if (!number) {
      throw new IllegalArgumentException(
          "axis %s has no value '%s'; it can be %s".formatted(label(), value, takes()));
    }
  }

  /** The values that are words. */
  public List<String> words() {
    return words;
  }

  /** Describes the possible values. */
  public String takes() {
    String listed = String.join(", ", words);
    return kind == Kind.WORD ? listed : listed.isEmpty() ? kind.says : listed + " or " + kind.says;
  }
}
