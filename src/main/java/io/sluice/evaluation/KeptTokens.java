package io.sluice.evaluation;

import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.capture.ContextBatches;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.TokenExclusion;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/**
 * Which tokens of a running model's batches are not left out.
 *
 * @param rule the rule
 * @param limits the largest norm at each hook point; empty if norms do not matter
 */
record KeptTokens(TokenExclusion rule, Map<HookPoint, Double> limits) {
  /** Tokens of text of which the median norms are taken: the first ones. */
  static final int SAMPLE = 1 << 14;

  /**
   * Measures the median norms, if the rule needs them: the model then reads the first {@value
   * #SAMPLE} tokens of the texts twice.
   *
   * @throws IOException if a text cannot be read, or a median is 0
   */
  static KeptTokens of(
      LoadedModel model, ContextSpec contexts, List<HookPoint> hooks, TokenExclusion rule)
      throws IOException {
    if (!rule.limitsNorms()) {
      return new KeptTokens(rule, Map.of());
    }
    KeptTokens byId =
        new KeptTokens(new TokenExclusion(rule.tokenIds(), Double.POSITIVE_INFINITY), Map.of());
    ContextSpec first =
        new ContextSpec(
            contexts.texts(),
            contexts.context(),
            contexts.stride(),
            contexts.batch(),
            Math.min(contexts.tokens(), SAMPLE));
    Map<HookPoint, DoubleStream.Builder> norms = new HashMap<>();
    hooks.forEach(hook -> norms.put(hook, DoubleStream.builder()));
    int suffix = contexts.specialTokens(model).suffix().length;
    try (ContextBatches batches = ContextBatches.open(model, first)) {
      for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
        TokenBatch now = batch;
        Hooks taking =
            Hooks.none()
                .observe(
                    hooks,
                    (point, activation) ->
                        byId.addNorms(activation, now, suffix, norms.get(point)));
        try (TensorScope scope = TensorScope.open()) {
          model.transformer().observe(batch, taking);
        }
      }
    }
    Map<HookPoint, Double> limits = new HashMap<>();
    for (HookPoint hook : hooks) {
      double[] all = norms.get(hook).build().toArray();
      double median = all.length == 0 ? 0 : TokenExclusion.median(all);
      if (!(median > 0)) {
        throw new IOException(
            contexts.texts().name()
                + ": the median norm at "
                + hook
                + " is "
                + median
                + ", so no multiple of it tells outliers; leave --max-norm-multiple out");
      }
      limits.put(hook, rule.maxNormMultiple() * median);
    }
    return new KeptTokens(rule, limits);
  }

  private void addNorms(
      Tensor activation, TokenBatch batch, int suffix, DoubleStream.Builder norms) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor host = activation.to(Device.CPU).contiguous();
      Rows rows = rows(host, batch);
      for (int context = 0; context < batch.size(); context++) {
        for (int i = batch.from(context); i < batch.length(context) - suffix; i++) {
          if (!rule.tokenIds().contains(batch.id(context, i))) {
            norms.add(norm(rows, context * batch.length() + i));
          }
        }
      }
    }
  }

  /** All rows of a batch's activation on the CPU, {@code [contexts · length, width]}. */
  static Rows rows(Tensor host, TokenBatch batch) {
    return new Rows(host.data(), host.dtype(), batch.size() * batch.length(), (int) host.size(2));
  }

  /** Whether a token of a context is used at a hook point. */
  boolean keeps(HookPoint point, Rows rows, TokenBatch batch, int context, int position) {
    if (rule.isEmpty()) {
      return true;
    }
    if (rule.tokenIds().contains(batch.id(context, position))) {
      return false;
    }
    Double limit = limits.get(point);
    return limit == null || norm(rows, context * batch.length() + position) <= limit;
  }

  private static double norm(Rows rows, int row) {
    double sum = 0;
    for (int i = 0; i < rows.width(); i++) {
      double value = rows.at(row, i);
      sum += value * value;
    }
    return Math.sqrt(sum);
  }
}
