package io.sluice.engine.arithmetic;

/**
 * One iteration of matching pursuit, given the feature that was found for a residual ({@link
 * io.sluice.engine.activation.Pursuit}). Products are summed in float64, in the order of the row.
 */
public final class PursuitRule {
  private PursuitRule() {}

  /**
   * {@code ⟨r, W_D[j]⟩}, by which the feature joins the code if it is positive.
   *
   * @param residual holds {@code r} from {@code at} on
   * @param rows holds the decoder row from {@code from} on
   */
  public static float amount(float[] residual, int at, float[] rows, int from, int width) {
    double product = 0;
    for (int i = 0; i < width; i++) {
      product += (double) residual[at + i] * rows[from + i];
    }
    return (float) product;
  }

  /**
   * Subtracts {@code amount · W_D[j]} from a residual.
   *
   * @return the length of the new residual; the pursuit ends if it is below {@link
   *     io.sluice.engine.activation.Pursuit#residual}
   */
  public static double subtract(
      float[] residual, int at, float amount, float[] rows, int from, int width) {
    double square = 0;
    for (int i = 0; i < width; i++) {
      float rest = (float) (residual[at + i] - (double) amount * rows[from + i]);
      residual[at + i] = rest;
      square += (double) rest * rest;
    }
    return Math.sqrt(square);
  }

  /**
   * Adds a pick to a token's code, whose features ascend from {@code start} to {@code end}. A
   * feature that is there already gets the sum; the pursuit ends with it.
   *
   * @return the end of the code: {@code end} itself if the feature was there
   */
  public static int insert(
      int[] features, float[] values, int start, int end, int feature, float amount) {
    int at = end;
    while (at > start && features[at - 1] > feature) {
      at--;
    }
    if (at > start && features[at - 1] == feature) {
      values[at - 1] += amount;
      return end;
    }
    System.arraycopy(features, at, features, at + 1, end - at);
    System.arraycopy(values, at, values, at + 1, end - at);
    features[at] = feature;
    values[at] = amount;
    return end + 1;
  }
}
