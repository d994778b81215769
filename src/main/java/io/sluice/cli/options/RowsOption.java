package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.TrainedText;
import io.sluice.store.ActivationStore;
import io.sluice.training.run.RunRows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.LongPredicate;
import java.util.function.Predicate;
import picocli.CommandLine.Option;

/**
 * The option {@code --rows}: which tokens of a store are measured. By default those that the run
 * held out.
 */
@Grouped(OptionGroup.DATA)
public final class RowsOption {
  private static final String HELD_OUT = "held-out";
  private static final String TRAINED = "trained";
  private static final String ALL = "all";

  @Option(
      names = "--rows",
      paramLabel = "held-out|trained|all",
      description =
          "Measure the tokens that the run held out, those that it trained on, or all "
              + "(default: held-out, and trained beside it, if the run held any out; else all).")
  private String rows;

  private RunRows run;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    if (rows != null && !List.of(HELD_OUT, TRAINED, ALL).contains(rows)) {
      throw command.usage("--rows is held-out, trained or all, not '" + rows + "'");
    }
  }

  /**
   * Finds out which tokens the run in a folder held out.
   *
   * @throws IOException if rows are asked for that are not known, or the run's file is damaged
   */
  public void read(Path folder, ActivationStore store) throws IOException {
    run = RunRows.of(folder, store);
    if (rows != null && !rows.equals(ALL) && !run.someHeldOut()) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "--rows %s: which tokens of %s were held out is not known, as %s; give --rows all",
              rows,
              store.place(),
              why()));
    }
  }

  private String why() {
    return run.heldOut() == null ? run.why() : run.heldOut().sentence();
  }

  /** Measures some rows. */
  public interface Measure {
    /**
     * Measures the rows that {@link #contexts} selects.
     *
     * @param which a value of {@code --rows}
     */
    Evaluation of(String which) throws IOException;
  }

  /** How many rows are read, for progress. */
  public long count(ActivationStore store) {
    return switch (name()) {
      case HELD_OUT -> rows == null ? store.rows() : run.heldOut().tokens();
      case TRAINED -> store.rows() - run.heldOut().tokens();
      default -> store.rows();
    };
  }

  /**
   * Measures the tokens that {@code --rows} names; without it, held-out and trained tokens
   * separately.
   */
  public Evaluation measure(Measure measure) throws IOException {
    Evaluation main = measure.of(name()).ofRows(name());
    return rows == null && run.someHeldOut()
        ? main.besideTrained(measure.of(TRAINED).ofRows(TRAINED))
        : main;
  }

  private String name() {
    return rows != null ? rows : run.someHeldOut() ? HELD_OUT : ALL;
  }

  /** Whether these are held-out tokens. */
  boolean areHeldOut() {
    return name().equals(HELD_OUT);
  }

  /**
   * The first position of a context that the run used; that of the store if the run's is not known.
   */
  public int firstPosition(ActivationStore store) {
    return run.heldOut() == null ? store.firstPosition() : run.heldOut().firstPosition();
  }

  /** The value of {@code --rows} for what was trained on; all where that is not known. */
  public String trained() {
    return run.someHeldOut() ? TRAINED : ALL;
  }

  /**
   * Which contexts these are, by any of their rows.
   *
   * @param which a value of {@code --rows}
   */
  public LongPredicate contexts(String which) {
    return switch (which) {
      case HELD_OUT -> run.heldOut()::holds;
      case TRAINED -> row -> !run.heldOut().holds(row);
      default -> row -> true;
    };
  }

  /**
   * Which contexts of a text are used in a loss, by their tokens; null for all.
   *
   * @throws IOException if the store, which the run trained on, has no token ids
   */
  public Predicate<int[]> text(ActivationStore store) throws IOException {
    if (name().equals(ALL)) {
      return null;
    }
    TrainedText trained = TrainedText.of(store, run.heldOut());
    return areHeldOut() ? tokens -> !trained.holds(tokens) : trained::holds;
  }

  /** The tokens that the numbers are measured on. */
  public String says() {
    return switch (name()) {
      case HELD_OUT ->
          String.format(
              Locale.ROOT,
              "held out in %,d whole contexts, never trained on",
              run.heldOut().contexts());
      case TRAINED -> "that the run trained on";
      default -> rows == null ? "(all: " + why() + ")" : "(all, trained on or not)";
    };
  }
}
