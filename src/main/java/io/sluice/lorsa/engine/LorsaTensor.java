package io.sluice.lorsa.engine;

/** The parameters of a Lorsa, by the names that files have. */
public enum LorsaTensor {
  /** {@code W_Q}, {@code [groups · headDim, inputWidth]}. */
  QUERY("query"),
  /** {@code b_Q}, {@code [groups · headDim]}. */
  QUERY_BIAS("query_bias"),
  /** {@code W_K}, {@code [groups · headDim, inputWidth]}. */
  KEY("key"),
  /** {@code b_K}, {@code [groups · headDim]}. */
  KEY_BIAS("key_bias"),
  /** {@code w_V} of each head, {@code [heads, inputWidth]}. */
  VALUE("value"),
  /** What is added to each head's value, {@code [heads]}. */
  VALUE_BIAS("value_bias"),
  /** {@code w_O} of each head, {@code [heads, outputWidth]}. */
  OUTPUT("output"),
  /** What is added to the output, {@code [outputWidth]}. */
  OUTPUT_BIAS("output_bias");

  private final String label;

  LorsaTensor(String label) {
    this.label = label;
  }

  /** The name in files. */
  public String label() {
    return label;
  }

  /** The shape that a Lorsa of this form gives it. */
  public long[] shape(LorsaSpec spec) {
    long queries = (long) spec.groups() * spec.headDim();
    return switch (this) {
      case QUERY, KEY -> new long[] {queries, spec.inputWidth()};
      case QUERY_BIAS, KEY_BIAS -> new long[] {queries};
      case VALUE -> new long[] {spec.heads(), spec.inputWidth()};
      case VALUE_BIAS -> new long[] {spec.heads()};
      case OUTPUT -> new long[] {spec.heads(), spec.outputWidth()};
      case OUTPUT_BIAS -> new long[] {spec.outputWidth()};
    };
  }

  /** How many values it has. */
  public long elements(LorsaSpec spec) {
    long elements = 1;
    for (long size : shape(spec)) {
      elements *= size;
    }
    return elements;
  }
}
