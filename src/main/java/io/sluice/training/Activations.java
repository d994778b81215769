package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.store.RowFilter;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;

/**
 * The activations that a run trains on: those of a store, or windows that are captured one after
 * the other while it trains. Used by one thread.
 */
public interface Activations {
  /** The store, or its first window: what the start of a run is estimated from. */
  ActivationStore first();

  /**
   * The rows that some steps draw from.
   *
   * @param store holds them
   * @param rows which of its rows are trained on
   * @param seed is added to the data seed of the run, so that windows have orders of their own
   * @param from the first of these steps, counted from 0
   * @param to the end, exclusive
   */
  record Window(ActivationStore store, RowFilter rows, long seed, long from, long to) {}

  /**
   * The window that a step draws from; waits until it is there. Windows before it are let go.
   *
   * @param config decides which rows are trained on
   * @param step counted from 0
   * @throws IOException if it cannot be captured or read
   */
  Window at(TrainingConfig config, long step) throws IOException;

  /**
   * Waits until the window of a step is there; {@link #at} then does not.
   *
   * @param step counted from 0
   * @param stops asks to give up
   * @return false if it was asked to give up
   * @throws IOException if the window cannot be captured; there are then no more windows, and
   *     nothing of them is on the disk
   */
  default boolean prepare(TrainingConfig config, long step, BooleanSupplier stops)
      throws IOException {
    return true;
  }

  /** The number of the window that a step draws from, counted over all passes. */
  default long visit(TrainingConfig config, long step) {
    return 0;
  }

  /** Whether a model runs for each pass over them. */
  default boolean areCaptured() {
    return false;
  }

  /**
   * Goes back to the first window, for runs that begin when others have ended.
   *
   * @param stops asks to give up
   * @return false if it was asked to give up
   * @throws IOException as {@link #prepare}
   */
  default boolean rewind(BooleanSupplier stops) throws IOException {
    return true;
  }

  /**
   * Held-out tokens to measure on.
   *
   * @param store holds them
   * @param rows which of its rows they are
   */
  record Unseen(ActivationStore store, RowFilter rows) {}

  /** The held-out tokens, once training has begun. */
  default Unseen unseen(HeldOut heldOut) {
    return new Unseen(first(), heldOut.heldOut());
  }

  /** Writes what they are into the configuration of a run. */
  default void describe(ObjectNode settings) {
    RunStore.write(first(), settings);
  }

  /**
   * Refuses activations that are not those that a run was started on.
   *
   * @param file is named in messages
   */
  default void requireSame(JsonNode settings, Path file) throws IOException {
    RunStore.requireSame(settings, first(), file);
  }

  /** Those of a store, in one window without end. */
  static Activations of(ActivationStore store) {
    return new Activations() {
      @Override
      public ActivationStore first() {
        return store;
      }

      @Override
      public Window at(TrainingConfig config, long step) throws IOException {
        return new Window(store, config.rows(store), 0, 0, Long.MAX_VALUE);
      }
    };
  }
}
