package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.engine.EngineFactory;
import io.sluice.torch.Device;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What trains dictionaries, and where. */
public final class EngineOptions {
  @Option(
      names = "--engine",
      paramLabel = "auto|vector|torch|reference",
      defaultValue = "auto",
      description =
          "What computes: vector (CPU, needs no LibTorch), torch (CPU or CUDA), or the slow "
              + "reference (default: auto, which is vector on the CPU and torch on a GPU).")
  private String engine;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda",
      defaultValue = "cpu",
      description = "Where it computes (default: cpu).")
  private String device;

  @Mixin private ThreadsOption threads;

  /** Complains about values that cannot be meant, before any work. */
  public void check(SluiceCommand command) {
    threads.check(command);
  }

  /**
   * The engine that was asked for, and where: what {@link #engines(SluiceCommand, String)} reads.
   */
  public String label() {
    return engine + " " + device;
  }

  /** What was asked for. */
  public EngineFactory engines(SluiceCommand command) {
    return engines(command, label());
  }

  /**
   * What an earlier run took.
   *
   * @param used its kind and its device, for instance {@code torch cpu}
   */
  public EngineFactory engines(SluiceCommand command, String used) {
    String[] words = used.split(" ");
    try {
      return EngineFactory.named(
          words[0], Device.parse(words.length > 1 ? words[1] : "cpu"), threads.workers());
    } catch (IllegalArgumentException e) {
      throw command.usage(e.getMessage());
    }
  }
}
