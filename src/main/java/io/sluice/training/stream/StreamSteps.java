package io.sluice.training.stream;

/**
 * Which steps of one size of batch draw from which window. A visit of a window has as many steps as
 * it has whole batches; visits are counted over all passes. A single window is visited once, for
 * all steps.
 */
final class StreamSteps {
  private final long[] before; // steps before each window, and of all

  /**
   * Steps.
   *
   * @param tokens of each window, those that are trained on
   * @param batch tokens per step
   */
  StreamSteps(long[] tokens, int batch) {
    before = new long[tokens.length + 1];
    for (int i = 0; i < tokens.length; i++) {
      before[i + 1] = before[i] + tokens[i] / batch;
    }
  }

  private int windows() {
    return before.length - 1;
  }

  /** Steps of one pass over all windows. */
  long onePass() {
    return before[windows()];
  }

  /**
   * The visit that a step draws from: its window, plus as many as all windows are for each pass
   * before.
   *
   * @param step counted from 0
   */
  long visit(long step) {
    if (windows() == 1) {
      return 0;
    }
    long pass = step / onePass();
    long within = step - pass * onePass();
    int window = 0;
    while (before[window + 1] <= within) {
      window++;
    }
    return pass * windows() + window;
  }

  /** The first step of a visit, counted from 0. */
  long from(long visit) {
    return visit / windows() * onePass() + before[(int) (visit % windows())];
  }

  /** The end of its steps, exclusive. */
  long to(long visit) {
    if (windows() == 1) {
      return Long.MAX_VALUE;
    }
    int window = (int) (visit % windows());
    return from(visit) + before[window + 1] - before[window];
  }
}
