package io.sluice.audit;

/** What an audit found. */
public enum Outcome {
  /** It fits as its configuration says. */
  RIGHT("right"),

  /** It fits another hook point. */
  OTHER_PLACE("other place"),

  /** It fits with another normalisation, or with its decoder bias read in the other way. */
  OTHER_NORMALISATION("other normalisation"),

  /** It fits contexts that begin in the other way. */
  OTHER_BEGINNING("other beginning"),

  /** It fits where several of these differ. */
  SEVERAL("several differences"),

  /** Its configuration names no hook point that the model has; it fits one. */
  UNNAMED("no place named"),

  /** It fits none of what was tried. */
  NOWHERE("nowhere");

  private final String label;

  Outcome(String label) {
    this.label = label;
  }

  /** Its name in {@code audit.json}. */
  public String label() {
    return label;
  }
}
