package io.sluice.dictionary.matching;

/**
 * The best candidates of each row of one side among the rows of another, by a similarity. Only
 * candidates above 0 are listed.
 *
 * @param rows number of rows
 * @param others number of rows of the other side
 * @param most the largest number of candidates of a row
 * @param counts {@code [rows]}: how many each row has
 * @param candidates row {@code r}'s candidates, from {@code r·most} on
 * @param scores their similarities
 */
public record Matches(
    int rows, int others, int most, int[] counts, int[] candidates, float[] scores) {

  /** No candidates yet. */
  public static Matches empty(int rows, int others, int most) {
    int entries = Math.multiplyExact(rows, most);
    return new Matches(rows, others, most, new int[rows], new int[entries], new float[entries]);
  }

  /** Keeps a candidate of a row if there is room, or if it is above the least that is kept. */
  public void offer(int row, int candidate, float score) {
    int start = row * most;
    int count = counts[row];
    int at = start + count;
    if (count < most) {
      counts[row]++;
    } else {
      at = start;
      for (int i = start; i < start + count; i++) {
        if (scores[i] < scores[at]) {
          at = i;
        }
      }
      if (scores[at] >= score) {
        return;
      }
    }
    candidates[at] = candidate;
    scores[at] = score;
  }

  /** The candidate of highest similarity, the lowest of equals; −1 if there is none. */
  public int best(int row) {
    int at = bestEntry(row);
    return at < 0 ? -1 : candidates[at];
  }

  /** The highest similarity of a row; 0 if it has no candidate. */
  public float bestScore(int row) {
    int at = bestEntry(row);
    return at < 0 ? 0 : scores[at];
  }

  private int bestEntry(int row) {
    int best = -1;
    for (int at = row * most; at < row * most + counts[row]; at++) {
      if (best < 0
          || scores[at] > scores[best]
          || scores[at] == scores[best] && candidates[at] < candidates[best]) {
        best = at;
      }
    }
    return best;
  }

  /** No candidate that is missing from the list of a row has a higher similarity than this. */
  public float leastListed(int row) {
    if (counts[row] < most) {
      return 0;
    }
    if (most >= others) {
      return 0;
    }
    float least = Float.POSITIVE_INFINITY;
    for (int at = row * most; at < (row + 1) * most; at++) {
      least = Math.min(least, scores[at]);
    }
    return least;
  }

  /** The mean over rows of the highest similarity; for cosines the mean max cosine similarity. */
  public double meanBest() {
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      sum += bestScore(row);
    }
    return rows == 0 ? 0 : sum / rows;
  }

  /** The share of the rows whose highest similarity is at least {@code least}. */
  public double shareFrom(double least) {
    int count = 0;
    for (int row = 0; row < rows; row++) {
      if (bestScore(row) >= least) {
        count++;
      }
    }
    return rows == 0 ? 0 : (double) count / rows;
  }
}
