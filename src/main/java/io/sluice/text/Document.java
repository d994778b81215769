package io.sluice.text;

/** A document that is in memory: either pieces of text or token ids, which are taken once. */
final class Document {
  private final Pieces pieces;
  private int[] ids;

  /**
   * @param pieces its text; null if it is token ids
   * @param ids its token ids; null if it is text
   */
  Document(Pieces pieces, int[] ids) {
    this.pieces = pieces;
    this.ids = ids;
  }

  /** As {@link Documents#piece}. */
  String piece() {
    if (pieces == null) {
      throw new IllegalStateException("this document is token ids");
    }
    return pieces.next();
  }

  /** As {@link Documents#ids}. */
  int[] ids() {
    if (pieces != null) {
      throw new IllegalStateException("this document is text");
    }
    int[] taken = ids;
    ids = null;
    return taken;
  }
}
