package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.hub.TokenizerOption;
import io.sluice.cli.options.texts.BosOption;
import io.sluice.model.ComputeType;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextForm;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the model that a command runs. */
@Grouped(OptionGroup.COMPUTE)
public final class ModelOptions {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "Run the model in this folder or file, or of this name on the HuggingFace hub.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path model;

  @Mixin private TokenizerOption tokenizer;

  @Option(
      names = "--compute",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description =
          "Compute in float32, bfloat16 or bfloat16x3. The last is float32 in which each "
              + "product is the sum of three bfloat16 products: within 4e-6 of the exact one, and "
              + "faster where the CPU has matrix units (AMX) and LibTorch has MKL (default: "
              + "${DEFAULT-VALUE}).")
  private String compute;

  @Mixin private BosOption bos;

  @Mixin private DeviceOption device;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    computeType(command);
    device.of(command);
  }

  /**
   * Opens the model.
   *
   * @throws IOException if a file is missing or damaged, or the architecture is not supported
   * @throws IllegalArgumentException if its contexts are to begin with a token that it does not
   *     have
   */
  public LoadedModel open(SluiceCommand command) throws IOException {
    return open(command, TextForm.TEXT);
  }

  /**
   * Opens the model, to read texts of this form: one that reads token ids needs no tokenizer.
   *
   * @throws IOException as the other
   */
  public LoadedModel open(SluiceCommand command, TextForm form) throws IOException {
    bos.requireText(command, form);
    return bos.opened(
        LoadedModel.open(
            HubFiles.files(command, model, tokenizer.given(), form != TextForm.TOKEN_IDS),
            device.of(command),
            computeType(command)),
        Optional.empty());
  }

  private ComputeType computeType(SluiceCommand command) {
    try {
      return ComputeType.ofLabel(compute);
    } catch (IllegalArgumentException e) {
      throw command.usage("--compute is '" + compute + "'; give one of " + ComputeType.labels());
    }
  }
}
