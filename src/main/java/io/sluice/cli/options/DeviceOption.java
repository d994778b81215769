package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.torch.Device;
import picocli.CommandLine.Option;

/** The option {@code --device}. */
@Grouped(OptionGroup.ESSENTIAL)
public final class DeviceOption {
  @Option(
      names = "--device",
      order = 11,
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      description = "Compute on cpu, cuda or cuda:N (default: ${DEFAULT-VALUE}).")
  private String device;

  /**
   * The device.
   *
   * @throws picocli.CommandLine.ParameterException if there is none of that name
   */
  public Device of(SluiceCommand command) {
    try {
      return Device.parse(device);
    } catch (IllegalArgumentException e) {
      throw command.usage("--device is '" + device + "'; give cpu, cuda or cuda:N");
    }
  }

  /** The name that was given. */
  public String label() {
    return device;
  }
}
