package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.memory.Workers;
import io.sluice.torch.Torch;
import picocli.CommandLine.Option;

/** The option {@code --threads}. */
@Grouped(OptionGroup.COMPUTE)
public final class ThreadsOption {
  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Compute on N threads of the CPU (default: one per core).")
  private Integer threads;

  /**
   * Rejects invalid values before any work. Far more threads than cores do nothing but wait, and
   * where the system refuses one, LibTorch ends the process.
   */
  public void check(SluiceCommand command) {
    int most = Math.max(64, 4 * Runtime.getRuntime().availableProcessors());
    if (threads != null && (threads < 1 || threads > most)) {
      throw command.usage(
          "--threads must be at least 1 and at most " + most + " here, not " + threads);
    }
  }

  /** The number of threads. */
  public int count() {
    return threads != null ? threads : Runtime.getRuntime().availableProcessors();
  }

  /** The threads of Sluice's own kernels; LibTorch, where there is one, gets as many. */
  public Workers workers() {
    if (threads == null) {
      return Workers.allCores();
    }
    if (Torch.isAvailable()) {
      Torch.threads(threads);
    }
    return Workers.of(threads);
  }
}
