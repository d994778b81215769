package io.sluice.text.arrow;

import java.io.IOException;

/** An Arrow file that is sound but cannot be used: what it is, and what to do. */
final class Unusable extends IOException {
  private static final long serialVersionUID = 1;

  private final String remedy;

  /**
   * @param what what is wrong, after the file's name
   * @param remedy what to do
   */
  Unusable(String what, String remedy) {
    super(what);
    this.remedy = remedy;
  }

  String remedy() {
    return remedy;
  }
}
