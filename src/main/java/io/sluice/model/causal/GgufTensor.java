package io.sluice.model.causal;

import io.sluice.files.Quoted;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A tensor in a GGUF file, before the changes of the converter are undone.
 *
 * @param path the file, for messages
 * @param name the file's name of it, for instance {@code blk.0.attn_q.weight}
 * @param values its values
 * @param shape sizes, outermost first
 * @param config the model's configuration
 */
public record GgufTensor(Path path, String name, Tensor values, long[] shape, CausalConfig config) {
  /**
   * Rows of heads whose two halves the file has side by side, with one half below the other.
   *
   * @param heads how many the rows are of
   * @throws IOException if the rows do not fall into so many heads
   */
  public Tensor halfByHalf(int heads) throws IOException {
    requireRows(2L * heads);
    long[] split = {heads, shape[0] / heads / 2, 2};
    return values.reshape(with(split)).transpose(1, 2).reshape(shape);
  }

  /**
   * Rows of all heads' queries, then keys, then values, head by head.
   *
   * @throws IOException if the rows do not fall into so many heads
   */
  public Tensor headByHead() throws IOException {
    int heads = config.attention().heads();
    requireRows(3L * heads);
    long[] split = {3, heads, shape[0] / heads / 3};
    return values.reshape(with(split)).transpose(0, 1).reshape(shape);
  }

  /** The rows of a projection fall into so many parts of one size. */
  private void requireRows(long parts) throws IOException {
    if (shape.length == 0 || shape[0] % parts != 0) {
      throw new IOException(
          "%s: tensor %s has the shape %s, which does not fit %d heads; the file is damaged or incomplete, fetch it again"
              .formatted(
                  path, Quoted.of(name), Arrays.toString(shape), config.attention().heads()));
    }
  }

  /** The shape with its first size split as {@code split} says. */
  private long[] with(long[] split) {
    long[] all = Arrays.copyOf(split, split.length + shape.length - 1);
    System.arraycopy(shape, 1, all, split.length, shape.length - 1);
    return all;
  }
}
