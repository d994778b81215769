package io.sluice.features.compare;

import io.sluice.dictionary.matching.DecoderCosines;
import io.sluice.dictionary.matching.Matches;
import java.util.function.LongConsumer;

/**
 * Cosines of the decoder rows of two dictionaries, layer by layer: features of different layers
 * read different hook points, so a feature of a cross-layer transcoder is only compared with those
 * of its own layer.
 */
final class LayerCosines {
  private LayerCosines() {}

  /**
   * The rows of largest cosine in the same layer, numbered through all layers.
   *
   * @param k how many of each at most
   * @param progress called with the number of rows done
   */
  static Matches of(
      ComparedDictionary rows, ComparedDictionary others, int k, LongConsumer progress) {
    if (rows.layers().size() == 1) {
      return DecoderCosines.of(rows.rows(0), others.rows(0), k, progress);
    }
    int[] starts = rows.starts();
    int[] otherStarts = others.starts();
    int widest = 0;
    for (int layer = 0; layer < rows.layers().size(); layer++) {
      widest = Math.max(widest, others.rows(layer).features());
    }
    int most = Math.min(k, widest);
    Matches all = Matches.empty(rows.features(), others.features(), most);
    for (int layer = 0; layer < rows.layers().size(); layer++) {
      int start = starts[layer];
      Matches own =
          DecoderCosines.of(
              rows.rows(layer), others.rows(layer), k, done -> progress.accept(start + done));
      for (int row = 0; row < own.rows(); row++) {
        int count = own.counts()[row];
        int from = row * own.most();
        int to = (start + row) * most;
        all.counts()[start + row] = count;
        System.arraycopy(own.scores(), from, all.scores(), to, count);
        System.arraycopy(own.candidates(), from, all.candidates(), to, count);
        for (int at = to; at < to + count; at++) {
          all.candidates()[at] += otherStarts[layer];
        }
      }
    }
    return all;
  }
}
