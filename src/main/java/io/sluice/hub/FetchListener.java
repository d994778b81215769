package io.sluice.hub;

/** Hears how far a fetch is. All calls come from the thread that asked for the files. */
public interface FetchListener {
  /** Hears nothing. */
  FetchListener NONE = new FetchListener() {};

  /**
   * Begins.
   *
   * @param name the repository
   * @param bytes the length of all files that are fetched
   * @param present how many of these an interrupted fetch left
   */
  default void begin(String name, long bytes, long present) {}

  /**
   * Goes on.
   *
   * @param bytes how many are there by now, in all
   * @param remark what is done, in a few words
   */
  default void at(long bytes, String remark) {}

  /** Says why nothing happens for a while, in one line. */
  default void pause(String why) {}

  /** Ends: all files are there. */
  default void end() {}
}
