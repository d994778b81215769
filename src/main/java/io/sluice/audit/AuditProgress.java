package io.sluice.audit;

/** Told how far an audit is. */
@FunctionalInterface
public interface AuditProgress {
  /**
   * @param stage what is being done: {@code read}, {@code search} or {@code measure}
   * @param done how many tokens, or trials, are done in this stage
   * @param total how many there are; 0 if that is unknown
   */
  void at(Stage stage, long done, long total);

  /** What is being done. */
  enum Stage {
    /** The model runs the tokens of the search. */
    READ("read", "tokens"),
    /** Dictionaries are tried at their places. */
    SEARCH("search", "trials"),
    /** The model runs the other tokens, and dictionaries are measured on them. */
    MEASURE("measure", "tokens");

    private final String label;
    private final String unit;

    Stage(String label, String unit) {
      this.label = label;
      this.unit = unit;
    }

    /** What it is called. */
    public String label() {
      return label;
    }

    /** What is counted. */
    public String unit() {
      return unit;
    }
  }
}
