package io.sluice.cli.hub;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The option {@code --tokenizer}. */
public final class TokenizerOption {
  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description =
          "Read the tokenizer from this tokenizer.json, or of this name on the hub, where it is not "
              + "beside the model.")
  @Grouped(OptionGroup.MODEL)
  private Path tokenizer;

  /** The path or the name; null if none is given. */
  public Path given() {
    return tokenizer;
  }
}
