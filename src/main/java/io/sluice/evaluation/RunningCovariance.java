package io.sluice.evaluation;

import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.geometry.TokenMoments;
import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.capture.CapturePart;
import io.sluice.model.capture.ContextBatches;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.simd.NonFiniteException;
import io.sluice.store.TokenExclusion;
import io.sluice.text.TextProblems;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Means and covariances of hook points, accumulated while the model runs. Nothing is stored, so all
 * hook points of a model can be measured over any number of tokens. Rows are the texts' tokens,
 * without special tokens and padding; a token in two contexts counts once.
 */
public final class RunningCovariance {
  private RunningCovariance() {}

  /**
   * Runs texts.
   *
   * @param hooks the hook points
   * @param fromPosition the first position of a context that is used; 1 leaves out the attention
   *     sink of causal models
   * @param exclusion tokens that are left out
   * @param directions whether the moments of directions are taken, too
   * @param progress called after each batch with the number of tokens done
   * @param problems called at the end with the parts of the texts that could not be read
   * @return by hook point, in the order of {@code hooks}
   * @throws IOException if a text cannot be read, or an activation is NaN or infinite
   * @throws IllegalArgumentException if the contexts do not suit the model, or it has no such hook
   */
  public static Map<HookPoint, TokenMoments> of(
      LoadedModel model,
      ContextSpec contexts,
      List<HookPoint> hooks,
      int fromPosition,
      TokenExclusion exclusion,
      boolean directions,
      LongConsumer progress,
      Consumer<TextProblems> problems)
      throws IOException {
    KeptTokens kept = KeptTokens.of(model, contexts, hooks, exclusion);
    try (ContextBatches batches = ContextBatches.open(model, contexts)) {
      Map<HookPoint, TokenMoments> result =
          of(model, contexts, batches, hooks, fromPosition, kept, directions, progress);
      problems.accept(batches.problems());
      return result;
    }
  }

  /**
   * Runs a part of texts. The moments of all parts, merged, are those of the texts but for
   * rounding.
   *
   * @param contexts the contexts of the whole texts
   * @param part begins and ends with a batch
   * @param exclusion tokens that are left out, by their ids
   * @param progress called after each batch with the number of the part's tokens done
   * @throws IOException as the other
   * @throws IllegalArgumentException as the other, or if norms matter, whose median a part does not
   *     have
   */
  public static Map<HookPoint, TokenMoments> ofPart(
      LoadedModel model,
      ContextSpec contexts,
      CapturePart part,
      List<HookPoint> hooks,
      int fromPosition,
      TokenExclusion exclusion,
      boolean directions,
      LongConsumer progress)
      throws IOException {
    if (exclusion.limitsNorms()) {
      throw new IllegalArgumentException("a part of texts has no median of all norms");
    }
    KeptTokens kept = new KeptTokens(exclusion, Map.of());
    try (ContextBatches batches = part.batches(model, contexts)) {
      Map<HookPoint, TokenMoments> result =
          of(model, contexts, batches, hooks, fromPosition, kept, directions, progress);
      if (batches.tokens() != part.to() - part.from()) {
        throw new IOException(
            part.files().getFirst()
                + ": has changed while it was read; measure again when the texts stay");
      }
      return result;
    }
  }

  private static Map<HookPoint, TokenMoments> of(
      LoadedModel model,
      ContextSpec contexts,
      ContextBatches batches,
      List<HookPoint> hooks,
      int fromPosition,
      KeptTokens kept,
      boolean directions,
      LongConsumer progress)
      throws IOException {
    Device device = model.transformer().device();
    Map<HookPoint, CovarianceAccumulator> accumulators = new LinkedHashMap<>();
    Map<HookPoint, CovarianceAccumulator> units = new LinkedHashMap<>();
    try {
      for (HookPoint hook : hooks) {
        int width = model.transformer().width(hook);
        accumulators.put(hook, CovarianceAccumulator.on(device, width));
        if (directions) {
          units.put(hook, CovarianceAccumulator.ofDirections(device, width));
        }
      }
      int suffix = contexts.specialTokens(model).suffix().length;
      for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
        TokenBatch now = batch;
        Hooks taking =
            Hooks.none()
                .observe(
                    hooks,
                    (point, activation) -> {
                      add(
                          accumulators.get(point),
                          point,
                          activation,
                          now,
                          fromPosition,
                          suffix,
                          kept);
                      if (directions) {
                        add(units.get(point), point, activation, now, fromPosition, suffix, kept);
                      }
                    });
        try (TensorScope scope = TensorScope.open()) {
          model.transformer().observe(batch, taking);
        }
        progress.accept(batches.tokens());
      }
      Map<HookPoint, TokenMoments> result = new LinkedHashMap<>();
      accumulators.forEach(
          (hook, accumulator) ->
              result.put(
                  hook,
                  new TokenMoments(
                      accumulator.covariance(), directions ? units.get(hook).covariance() : null)));
      return result;
    } catch (NotFiniteAt e) {
      throw new IOException(
          model.name()
              + ": "
              + e.point
              + " holds NaN or infinity; the model's weights are damaged"
              + " or its numbers leave the range of "
              + model.transformer().dtype().label(),
          e);
    } finally {
      accumulators.values().forEach(CovarianceAccumulator::close);
      units.values().forEach(CovarianceAccumulator::close);
    }
  }

  private static void add(
      CovarianceAccumulator accumulator,
      HookPoint point,
      Tensor activation,
      TokenBatch batch,
      int fromPosition,
      int suffix,
      KeptTokens kept) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor host = activation.to(Device.CPU).contiguous();
      MemorySegment memory = host.data();
      Rows rows = KeptTokens.rows(host, batch);
      long rowBytes = host.size(2) * host.dtype().bytes();
      for (int context = 0; context < batch.size(); context++) {
        int end = batch.length(context) - suffix;
        int first = Math.max(fromPosition, batch.from(context));
        while (first < end) {
          int last = first;
          while (last < end && kept.keeps(point, rows, batch, context, last)) {
            last++;
          }
          if (last > first) {
            long start = ((long) context * batch.length() + first) * rowBytes;
            accumulator.add(
                memory.asSlice(start, (last - first) * rowBytes), host.dtype(), last - first);
          }
          first = last + 1;
        }
      }
    } catch (NonFiniteException e) {
      throw new NotFiniteAt(point, e);
    }
  }

  /** Carries the hook point's name through the forward pass. */
  private static final class NotFiniteAt extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final transient HookPoint point;

    NotFiniteAt(HookPoint point, NonFiniteException cause) {
      super(cause);
      this.point = point;
    }
  }
}
