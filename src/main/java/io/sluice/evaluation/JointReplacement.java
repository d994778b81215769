package io.sluice.evaluation;

import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import java.util.Map;
import java.util.Set;

/**
 * Replaces several activations in one pass of a model. It owns memory until it is closed, and
 * serves one pass at a time.
 */
public sealed interface JointReplacement extends AutoCloseable
    permits CrosscoderReconstruction, CrossLayerTranscoding {

  /** The widths of all activations that it reads or replaces. */
  Map<HookPoint, Integer> widths();

  /** The activations that it replaces. */
  Set<HookPoint> replaced();

  /**
   * Hooks that observe the unchanged model and replace nothing. That pass must run before each pass
   * with {@link #hooks}, over the same batch. No hooks if it is not needed.
   */
  Hooks reading();

  /** Hooks that replace, and may read. */
  Hooks hooks();

  /** Frees its memory. */
  @Override
  void close();
}
