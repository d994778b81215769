package io.sluice.training.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.training.config.Schedule;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Runs the training of a dictionary or a Lorsa: counts steps, tokens and time, writes metrics and
 * checkpoints when they are due, stops on request, and ends with the export and the result. Used by
 * one thread.
 */
public final class RunLoop implements AutoCloseable {
  /** What a run trains. */
  public interface Trained {
    /**
     * Reads what steps have left on a device: {@linkplain RunLoop#addTally adds} their sums, and
     * refuses a loss that is no number. Called before anything is measured or written.
     *
     * @throws DivergedException if the loss of a step is not finite
     */
    default void readResults() {}

    /** How many features it has; heads of a Lorsa. */
    int features();

    /** How many of them fired after the first {@code tokens} tokens of the run. */
    int firedSince(long tokens);

    /** Mean squared distance of the target from its mean, per token, as training scales it. */
    double variance();

    /**
     * The FVU on held-out tokens, called for each line of metrics; null where it is not due or has
     * no meaning.
     */
    Double heldOutFvu() throws IOException;

    /** The bounds in use, as in {@link Metrics#screen}; null where nothing can. */
    String screen();

    /** As in {@link Metrics#precision}. */
    default String precision() {
      return null;
    }

    /** How many tokens are held out. */
    long heldOutTokens();

    /** Writes a checkpoint of its state and of {@code position} into the run's folder. */
    void checkpoint(Path folder, RunPosition position) throws IOException;

    /** The {@code config} of {@code run.json}. */
    JsonNode settings() throws IOException;

    /** Saves what was trained into the run's folder, for use. */
    void export(Path folder) throws IOException;
  }

  /** One step of training. */
  @FunctionalInterface
  public interface Step {
    /**
     * Trains.
     *
     * @param step which one, counted from 1
     */
    void train(long step) throws IOException;
  }

  private final RunFolder folder;
  private final String name;
  private final Schedule schedule;
  private final Trained trained;

  private long step;

  /** Whether what is trained is as after {@link #step}, with its metrics written. */
  private boolean betweenSteps = true;

  private long tokens;
  private double secondsBefore;

  /** Time spent in this sitting, and since when it runs; 0 where it does not. */
  private long spentNanos;

  private long sinceNanos;

  /** Where the last line of metrics was written. */
  private double measuredSeconds;

  private long measuredTokens;
  private Metrics last;
  private Tally tally = Tally.NONE;

  /**
   * A run before its first step.
   *
   * @param folder closed with the run
   * @param name the name of the run in reports
   */
  public RunLoop(RunFolder folder, String name, Schedule schedule, Trained trained) {
    this.folder = folder;
    this.name = name;
    this.schedule = schedule;
    this.trained = trained;
  }

  /** Describes the run in its folder, and writes a checkpoint of its start. */
  public void begin() throws IOException {
    folder.clear();
    folder.record(schedule.tensorBoard(), 0);
    // The description is written last: a folder without one can be used for another attempt.
    if (schedule.checkpointEvery() > 0) {
      checkpoint();
    }
    folder.describe(name, trained.settings(), null);
  }

  /** Continues where a checkpoint was written. */
  public void continueAt(RunPosition position) throws IOException {
    step = position.step();
    tokens = position.tokens();
    secondsBefore = position.seconds();
    measuredSeconds = secondsBefore;
    measuredTokens = tokens;
    tally = position.tally();
    folder.forgetMetricsAfter(step);
    folder.record(schedule.tensorBoard(), step);
  }

  /** Steps done so far; in a step, that step. */
  public long step() {
    return step;
  }

  /** Tokens seen so far. */
  public long tokens() {
    return tokens;
  }

  /** Whether a checkpoint can be written now; false after a step that has failed. */
  public boolean isBetweenSteps() {
    return betweenSteps;
  }

  /** Whether the last step is done. */
  public boolean atEnd() {
    return step >= schedule.steps();
  }

  /**
   * Counts tokens that a step has seen.
   *
   * @return all so far
   */
  public long addTokens(long more) {
    tokens += more;
    return tokens;
  }

  /** Adds the sums of a step. */
  public void addTally(double squaredError, long codes, long ofTokens) {
    tally = tally.plus(squaredError, codes, ofTokens);
  }

  /**
   * Trains to the last step, saves the trained dictionary or Lorsa, and removes the checkpoints.
   *
   * @throws StoppedException if the listener requested it
   */
  public RunResult run(Step training, TrainingListener listener) throws IOException {
    while (!atEnd()) {
      advance(training, listener);
      if (!atEnd() && listener.stops()) {
        checkpoint();
        throw new StoppedException(
            "stopped after %d of %d steps, with a checkpoint".formatted(step, schedule.steps()));
      }
    }
    return finish();
  }

  /** Runs one step, then writes metrics and checkpoints that are due. */
  public void advance(Step training, TrainingListener listener) throws IOException {
    sinceNanos = System.nanoTime();
    betweenSteps = false;
    step++;
    training.train(step);
    listener.stepped(step, tokens);
    if (step % schedule.logEvery() == 0 || atEnd()) {
      trained.readResults();
      double now = seconds();
      long measuring = System.nanoTime();
      Double unseen = trained.heldOutFvu();
      // Measuring is no training.
      sinceNanos += System.nanoTime() - measuring;
      last = measure((tokens - measuredTokens) / (now - measuredSeconds), unseen);
      measuredSeconds = now;
      measuredTokens = tokens;
      folder.append(last);
      listener.measured(last);
    }
    betweenSteps = true;
    if (schedule.checkpointEvery() > 0 && (step % schedule.checkpointEvery() == 0 || atEnd())) {
      checkpoint();
    }
    spentNanos += System.nanoTime() - sinceNanos;
    sinceNanos = 0;
  }

  private Metrics measure(double tokensPerSecond, Double unseen) {
    // A step of a Lorsa may have no token that counts.
    long counted = Math.max(1, tally.tokens());
    double loss = tally.squaredError() / counted;
    int alive = trained.firedSince(tokens - schedule.deadWindow());
    Metrics metrics =
        new Metrics(
            step,
            tokens,
            loss,
            loss / trained.variance(),
            unseen,
            (double) tally.codes() / counted,
            1 - (double) alive / trained.features(),
            schedule.deadWindow(),
            schedule.learningRate(step),
            tokensPerSecond,
            seconds(),
            trained.screen(),
            trained.precision());
    tally = Tally.NONE;
    return metrics;
  }

  private double seconds() {
    long running = sinceNanos == 0 ? 0 : System.nanoTime() - sinceNanos;
    return secondsBefore + (spentNanos + running) / 1e9;
  }

  /** Writes a checkpoint now, independently of the schedule. */
  public void checkpoint() throws IOException {
    trained.readResults();
    trained.checkpoint(folder.path(), new RunPosition(step, tokens, seconds(), tally));
  }

  /**
   * Saves the trained dictionary or Lorsa into the run's folder, writes the result, and removes
   * checkpoints.
   */
  public RunResult finish() throws IOException {
    trained.readResults();
    trained.export(folder.path());
    double seconds = seconds();
    Metrics end = last == null ? folder.lastMetrics() : last;
    RunResult result =
        new RunResult(
            step,
            tokens,
            end.heldOutFvu(),
            trained.heldOutTokens(),
            end.fvu(),
            RunResult.stepsOfLastLine(step, schedule.logEvery()),
            end.l0(),
            end.deadFraction(),
            schedule.deadWindow(),
            end.loss(),
            tokens / seconds,
            seconds);
    folder.describe(name, trained.settings(), result);
    folder.deleteCheckpointsBut(schedule.keepCheckpoints());
    return result;
  }

  /** Deletes what was made in a folder in which the run could not be started. */
  public void giveUp() throws IOException {
    folder.giveUp();
  }

  @Override
  public void close() throws IOException {
    folder.close();
  }
}
