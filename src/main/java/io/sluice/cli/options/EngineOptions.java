package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.Workers;
import io.sluice.torch.Device;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the engine, its device and its threads. */
@Grouped(OptionGroup.COMPUTE)
public final class EngineOptions {
  @Option(
      names = "--engine",
      paramLabel = "auto|vector|torch|reference",
      defaultValue = "auto",
      description =
          "Compute with vector (CPU, without LibTorch), torch (CPU or CUDA) or the slow "
              + "reference; auto takes vector on the CPU and torch on a GPU (default: "
              + "${DEFAULT-VALUE}).")
  private String engine;

  @Mixin private DeviceOption device;

  @Mixin private ThreadsOption threads;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    device.of(command);
    threads.check(command);
  }

  /** Where it computes. */
  public Device device(SluiceCommand command) {
    return device.of(command);
  }

  /** Whether LibTorch computes. */
  public boolean areOfTorch(SluiceCommand command) {
    return engine.equalsIgnoreCase("torch") || device.of(command).isCuda();
  }

  /** Threads for work beside the engine's; the caller closes them. */
  public Workers workers() {
    return threads.workers();
  }

  /** The given engine and device as a text, which {@link #engines(SluiceCommand, String)} reads. */
  public String label() {
    return engine + " " + device.label();
  }

  /** The engines that the options select. */
  public EngineFactory engines(SluiceCommand command) {
    return engines(command, label());
  }

  /**
   * The engines of an earlier run.
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
