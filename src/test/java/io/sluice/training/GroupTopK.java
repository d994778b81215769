package io.sluice.training;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.activation.CustomActivation;
import io.sluice.files.Fields;
import java.io.IOException;
import java.util.Arrays;

/**
 * Features in groups of neighbours, and the largest of each group: an activation function added by
 * the recipe in {@code docs/extending.md}, with this file and a line in {@code META-INF/services}.
 *
 * @param k features per token, at most
 * @param groups the first {@code k % groups} keep one feature more than the others
 */
public record GroupTopK(int k, int groups) implements CustomActivation {
  public GroupTopK {
    ActivationFunctions.requirePositive(k);
    if (groups < 1) {
      throw new IllegalArgumentException("there must be at least 1 group, not " + groups);
    }
  }

  /** What a file or the command line begins with. */
  public GroupTopK() {
    this(1, 2);
  }

  @Override
  public String label() {
    return "group_topk";
  }

  @Override
  public GroupTopK withK(int other) {
    return new GroupTopK(other, groups);
  }

  @Override
  public void requireFit(int features) {
    CustomActivation.super.requireFit(features);
    if (groups > features) {
      throw new IllegalArgumentException(
          "there are %d groups, but only %d features".formatted(groups, features));
    }
  }

  @Override
  public void write(ObjectNode json) {
    json.put("k", k);
    json.put("groups", groups);
  }

  @Override
  public GroupTopK read(Fields json, PerFeature vectors, int features) throws IOException {
    return new GroupTopK(json.integer("k", 1, features), json.integer("groups", 1, features));
  }

  @Override
  public int choose(float[] scores, int[] chosen) {
    int count = 0;
    for (int group = 0; group < groups; group++) {
      int from = (int) ((long) scores.length * group / groups);
      int end = (int) ((long) scores.length * (group + 1) / groups);
      int most = Math.min(end - from, k / groups + (group < k % groups ? 1 : 0));
      for (int i = 0; i < most; i++) {
        int best = -1;
        for (int feature = from; feature < end; feature++) {
          boolean free = !contains(chosen, count - i, count, feature);
          if (free && scores[feature] > 0 && (best < 0 || scores[feature] > scores[best])) {
            best = feature;
          }
        }
        if (best < 0) {
          break;
        }
        chosen[count++] = best;
      }
    }
    return count;
  }

  private static boolean contains(int[] chosen, int from, int end, int feature) {
    return Arrays.stream(chosen, from, end).anyMatch(each -> each == feature);
  }
}
