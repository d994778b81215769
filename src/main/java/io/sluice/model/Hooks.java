package io.sluice.model;

import io.sluice.torch.Tensor;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/**
 * Hooks by hook point; immutable. Several hooks at one point run in the order in which they were
 * added.
 */
public final class Hooks {
  private static final Hooks NONE = new Hooks(new TreeMap<>(), false);

  private final TreeMap<HookPoint, List<Hook>> hooks;
  private final boolean withoutResult;

  private Hooks(TreeMap<HookPoint, List<Hook>> hooks, boolean withoutResult) {
    this.hooks = hooks;
    this.withoutResult = withoutResult;
  }

  /** No hooks. */
  public static Hooks none() {
    return NONE;
  }

  /**
   * These hooks and one that only observes.
   *
   * @param points where
   * @param observer gets the point and its activation, as {@link Hook#apply} does
   */
  public Hooks observe(Collection<HookPoint> points, BiConsumer<HookPoint, Tensor> observer) {
    Hooks all = this;
    for (HookPoint point : points) {
      all =
          all.replace(
              point,
              (at, activation) -> {
                observer.accept(at, activation);
                return activation;
              });
    }
    return all;
  }

  /** These hooks and {@code hook}, whose result takes the activation's place at {@code point}. */
  public Hooks replace(HookPoint point, Hook hook) {
    TreeMap<HookPoint, List<Hook>> more = new TreeMap<>(hooks);
    more.merge(
        point,
        List.of(hook),
        (before, added) -> Stream.concat(before.stream(), added.stream()).toList());
    return new Hooks(more, withoutResult);
  }

  /** These hooks for a pass without a result, which ends after the last hook. */
  public Hooks withoutResult() {
    return new Hooks(hooks, true);
  }

  /** The points that have hooks. */
  public Set<HookPoint> points() {
    return Set.copyOf(hooks.keySet());
  }

  /** Whether there is a hook at {@code point}. */
  public boolean isAt(HookPoint point) {
    return hooks.containsKey(point);
  }

  /** Whether a pass can end here: no hook is at this point or behind, and no result is wanted. */
  public boolean endBefore(int layer, HookKind kind) {
    return withoutResult
        && (hooks.isEmpty() || hooks.lastKey().compareTo(new HookPoint(layer, kind)) < 0);
  }

  /** The first layer with a hook, or {@code Integer.MAX_VALUE}. */
  public int firstLayer() {
    return hooks.isEmpty() ? Integer.MAX_VALUE : hooks.firstKey().layer();
  }

  /** The deepest layer with a hook, or -1. */
  public int lastLayer() {
    return hooks.isEmpty() ? -1 : hooks.lastKey().layer();
  }

  /**
   * Checks that the model has the layers that these hooks are at.
   *
   * @throws IllegalArgumentException if it has not
   */
  public void check(ModelShape shape) {
    if (lastLayer() >= shape.layers()) {
      throw new IllegalArgumentException(
          "a hook is at layer "
              + lastLayer()
              + " of a model with "
              + shape.layers()
              + " layers, counted from 0");
    }
  }

  /**
   * Runs the hooks of one point.
   *
   * @return {@code activation}, or what replaces it
   * @throws IllegalArgumentException if a replacement has another shape, element type or device
   */
  public Tensor at(int layer, HookKind kind, Tensor activation) {
    if (hooks.isEmpty()) {
      return activation;
    }
    HookPoint point = new HookPoint(layer, kind);
    Tensor current = activation;
    for (Hook hook : hooks.getOrDefault(point, List.of())) {
      Tensor next = hook.apply(point, current);
      if (next != current) {
        requireSame(point, current, next);
        current = next;
      }
    }
    return current;
  }

  private static void requireSame(HookPoint point, Tensor before, Tensor after) {
    if (!Arrays.equals(before.shape(), after.shape())
        || before.dtype() != after.dtype()
        || !before.device().equals(after.device())) {
      throw new IllegalArgumentException(
          "the hook at " + point + " replaced " + before + " by " + after);
    }
  }
}
