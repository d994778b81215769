package io.sluice.cli.options.texts;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.text.TextSpec;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Options for reading texts. */
@Grouped(OptionGroup.MODEL)
public final class TextReading {
  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      defaultValue = TextSpec.DEFAULT_FIELD,
      description =
          "Take the text from this field of JSON or column of Parquet or Arrow (default: "
              + "${DEFAULT-VALUE}).")
  private String field;

  @Option(
      names = "--strict",
      description =
          "Stop at the first line that cannot be read or character that is not UTF-8, instead "
              + "of leaving it out and counting it.")
  private boolean strict;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    if (field.isEmpty()) {
      throw command.usage("--text-field is empty; give the name of a field or column");
    }
  }

  /** These texts, to be read with these options. */
  public TextSpec of(List<Path> texts) {
    return new TextSpec(texts, field, strict);
  }
}
