package io.sluice.evaluation;

import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import java.util.Map;
import java.util.Set;

/**
 * Puts something else in the places of several activations of one pass of a model. It owns memory
 * until it is closed, and is for one pass at a time.
 */
public sealed interface JointReplacement extends AutoCloseable
    permits CrosscoderReconstruction, CrossLayerTranscoding {

  /** The widths of all activations that it reads or replaces. */
  Map<HookPoint, Integer> widths();

  /** The activations that it replaces. */
  Set<HookPoint> replaced();

  /**
   * Hooks for the model as it is, which look and replace nothing; that pass has to run before each
   * one with {@link #hooks}, over the same batch. None where it is not needed.
   */
  Hooks reading();

  /** Hooks that replace, and may read. */
  Hooks hooks();

  /** Frees what it owns. */
  @Override
  void close();
}
