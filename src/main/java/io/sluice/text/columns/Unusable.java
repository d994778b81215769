package io.sluice.text.columns;

import java.io.IOException;

/** A file with columns that is sound but cannot be used: what it is, and what to do. */
public final class Unusable extends IOException {
  private static final long serialVersionUID = 1;

  private final String remedy;

  /**
   * Says what is wrong.
   *
   * @param what what is wrong, after the file's name
   * @param remedy what to do
   */
  public Unusable(String what, String remedy) {
    super(what);
    this.remedy = remedy;
  }

  /** What to do. */
  public String remedy() {
    return remedy;
  }
}
