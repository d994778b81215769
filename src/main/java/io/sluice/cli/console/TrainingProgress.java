package io.sluice.cli.console;

import io.sluice.training.run.Metrics;
import io.sluice.training.run.TrainingListener;
import java.util.Locale;
import java.util.function.LongBinaryOperator;

/**
 * Shows the progress of a training, with the last FVU and dead fraction, in the format of the
 * {@link ResultText} that follows.
 */
public final class TrainingProgress implements TrainingListener {
  private final Progress progress;
  private final LongBinaryOperator done;
  private final StopSignal signal;
  private String remark = "";
  private long units;

  /**
   * @param done of steps and tokens so far, what {@code progress} counts
   * @param signal stops the training
   */
  public TrainingProgress(Progress progress, LongBinaryOperator done, StopSignal signal) {
    this.signal = signal;
    this.progress = progress;
    this.done = done;
  }

  @Override
  public void stepped(long step, long seen) {
    units = done.applyAsLong(step, seen);
    progress.update(units, remark);
  }

  @Override
  public boolean stops() {
    return signal.hasArrived();
  }

  @Override
  public void measured(Metrics metrics) {
    remark =
        String.format(
            Locale.ROOT, "FVU %.4f  dead %.2f%%", metrics.fvu(), 100 * metrics.deadFraction());
    // The last line of metrics comes after the last step.
    progress.update(units, remark);
  }
}
