package io.sluice.features.compare;

import io.sluice.dictionary.matching.Matches;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * Matches the rows of two sides one to one so that the sum of similarities is largest, by
 * Bertsekas's auction algorithm (The auction algorithm: a distributed relaxation method for the
 * assignment problem, 1988): rows bid for their candidates, and a row that is outbid bids again. A
 * row may stay alone, which counts 0, as does every pair with a similarity of 0 or less.
 *
 * <p>Each row ends within {@value #STEP} of the best it could have at the final prices. So the sum
 * is within {@code rows · }{@value #STEP} of the largest over the listed candidates. Whatever the
 * prices, they also bound the largest sum over <em>all</em> pairs (weak duality), since a pair that
 * is not listed has at most the similarity of the least that is: {@link #bound}.
 *
 * @param partner {@code [rows]}: the row of the other side; −1 if alone
 * @param scores {@code [rows]}: the similarity to it; 0 if alone
 * @param total the sum of the similarities
 * @param bound no one-to-one matching, of any pairs, has a larger sum
 */
record Assignment(int[] partner, float[] scores, double total, double bound) {
  private static final double STEP = 1e-4;

  static Assignment of(Matches matches) {
    int most = matches.most();
    double[] prices = new double[matches.others()];
    int[] owner = new int[matches.others()];
    Arrays.fill(owner, -1);
    int[] entry = new int[matches.rows()];
    Arrays.fill(entry, -1);
    ArrayDeque<Integer> bidders = new ArrayDeque<>();
    for (int row = 0; row < matches.rows(); row++) {
      bidders.add(row);
    }
    while (!bidders.isEmpty()) {
      int row = bidders.poll();
      int best = -1;
      double first = 0;
      double second = 0;
      for (int at = row * most; at < row * most + matches.counts()[row]; at++) {
        double value = matches.scores()[at] - prices[matches.candidates()[at]];
        if (value > first) {
          second = first;
          first = value;
          best = at;
        } else if (value > second) {
          second = value;
        }
      }
      entry[row] = best;
      if (best < 0) {
        continue;
      }
      int wanted = matches.candidates()[best];
      prices[wanted] += first - second + STEP;
      int outbid = owner[wanted];
      owner[wanted] = row;
      if (outbid >= 0) {
        entry[outbid] = -1;
        bidders.add(outbid);
      }
    }
    return result(matches, entry, prices);
  }

  private static Assignment result(Matches matches, int[] entry, double[] prices) {
    int[] partner = new int[matches.rows()];
    float[] scores = new float[matches.rows()];
    double total = 0;
    double bound = 0;
    for (double price : prices) {
      bound += price;
    }
    for (int row = 0; row < matches.rows(); row++) {
      partner[row] = entry[row] < 0 ? -1 : matches.candidates()[entry[row]];
      scores[row] = entry[row] < 0 ? 0 : matches.scores()[entry[row]];
      total += scores[row];
      double profit = matches.leastListed(row);
      int start = row * matches.most();
      for (int at = start; at < start + matches.counts()[row]; at++) {
        profit = Math.max(profit, matches.scores()[at] - prices[matches.candidates()[at]]);
      }
      bound += profit;
    }
    return new Assignment(partner, scores, total, bound);
  }

  /** The share, of the smaller side's {@code of} rows, in pairs of at least this similarity. */
  double shareFrom(double least, int of) {
    int count = 0;
    for (float score : scores) {
      if (score >= least) {
        count++;
      }
    }
    return (double) count / of;
  }
}
