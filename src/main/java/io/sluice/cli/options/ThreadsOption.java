package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.memory.Workers;
import io.sluice.torch.Torch;
import picocli.CommandLine.Option;

/** How many threads compute: the same option wherever dictionaries are trained. */
public final class ThreadsOption {
  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads on the CPU (default: all cores).")
  private Integer threads;

  /** Complains about a number that cannot be meant, before any work. */
  public void check(SluiceCommand command) {
    if (threads != null) {
      check(command, threads);
    }
  }

  /**
   * Complains about a number of threads that cannot be meant. Far more of them than cores do
   * nothing but wait, and where the system refuses one, LibTorch ends the process.
   */
  public static void check(SluiceCommand command, int threads) {
    int most = Math.max(64, 4 * Runtime.getRuntime().availableProcessors());
    if (threads < 1 || threads > most) {
      throw command.usage(
          "--threads must be at least 1 and at most " + most + " here, not " + threads);
    }
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
