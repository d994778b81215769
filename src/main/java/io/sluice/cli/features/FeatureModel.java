package io.sluice.cli.features;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.hub.TokenizerOption;
import io.sluice.cli.options.texts.BosOption;
import io.sluice.model.ComputeType;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The model that features are looked up in, if one is given. */
@Grouped(OptionGroup.ESSENTIAL)
public final class FeatureModel {
  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "Run the model in this folder or file or of this name on the hub, the one that was captured: for promoted tokens,"
              + " heads and source positions, and for --text.")
  private Path model;

  @Mixin private TokenizerOption tokenizer;

  @Mixin private BosOption bos;

  /** Whether a model is given. */
  public boolean isGiven() {
    return model != null;
  }

  /**
   * Opens the model.
   *
   * @throws IOException if a file is missing or damaged, or the architecture is not supported
   */
  public LoadedModel open(SluiceCommand command, Device device) throws IOException {
    return LoadedModel.open(
        HubFiles.files(command, model, tokenizer.given()), device, ComputeType.FLOAT32);
  }

  /**
   * The model with contexts that begin as asked, else as they did when activations were stored.
   *
   * @param recorded whether they began with a special token then; empty if that is unknown
   * @return a model that shares the weights of {@code loaded}, which the caller closes
   * @throws IllegalArgumentException if contexts are to begin with a token that it does not have
   */
  public LoadedModel beginning(LoadedModel loaded, Optional<Boolean> recorded) {
    return bos.applied(loaded, recorded);
  }
}
