package io.sluice.cli.options.texts;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.text.TextForm;
import io.sluice.text.TextSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Options for reading texts. */
@Grouped(OptionGroup.MODEL)
public final class TextReading {
  private static final List<String> FORMATS = List.of("text", "json");

  /** Systems write earlier years with and without zeros. */
  private static final int FIRST_YEAR = 1000;

  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      description =
          "Take the text from this field of JSON or column of Parquet or Arrow (default: text; "
              + "input_ids with --text-as token-ids, messages with --text-as chat).")
  private String field;

  @Option(
      names = "--text-as",
      paramLabel = "text|token-ids|chat",
      defaultValue = "text",
      description =
          "Take that field as text; as a list of token ids, which run as they are: no special "
              + "tokens are added, and no tokenizer is needed; or as the messages of a "
              + "conversation, of which the model's own chat template makes text (default: "
              + "${DEFAULT-VALUE}).")
  private String form;

  @Option(
      names = "--chat-date",
      paramLabel = "YYYY-MM-DD",
      description =
          "Take this day for today in chat templates that write the date, such as those of Llama "
              + "3.2; without it they are refused, as the texts would differ from day to day.")
  private String chatDate;

  @Option(
      names = "--stdin-format",
      paramLabel = "text|json",
      description =
          "Read standard input (--text -) as plain text or as JSON, lines or an array; Parquet, "
              + "Arrow, gzip and Zstandard are detected (default: text, or json if --text-as needs "
              + "a field).")
  private String format;

  @Option(
      names = "--strict",
      description =
          "Stop at the first line that cannot be read or character that is not UTF-8, instead "
              + "of leaving it out and counting it.")
  private boolean strict;

  private final StandardInput standardInput = new StandardInput();

  /**
   * Rejects invalid values before any work.
   *
   * @param texts the paths; null if none are given
   */
  public void check(SluiceCommand command, List<Path> texts) {
    if (field != null && field.isEmpty()) {
      throw command.usage("--text-field is empty; give the name of a field or column");
    }
    try {
      TextForm.ofLabel(form);
    } catch (IllegalArgumentException e) {
      throw command.usage("--text-as " + e.getMessage());
    }
    if (chatDate != null && form() != TextForm.CHAT) {
      throw command.usage("--chat-date is about conversations; give --text-as chat, too");
    }
    date(command);
    if (format != null && !FORMATS.contains(format)) {
      throw command.usage(
          "--stdin-format is '" + format + "'; give one of " + String.join(", ", FORMATS));
    }
    if (format != null && !StandardInput.isAmong(texts)) {
      throw command.usage("--stdin-format says how --text - is read; give both, or neither");
    }
    StandardInput.check(command, texts);
  }

  private void date(SluiceCommand command) {
    try {
      if (chatDate().isEmpty() || chatDate().get().getYear() >= FIRST_YEAR) {
        return;
      }
    } catch (DateTimeParseException e) {
      // As too early a year.
    }
    throw command.usage("--chat-date is '" + chatDate + "'; give a day such as 2026-01-31");
  }

  private Optional<LocalDate> chatDate() {
    return Optional.ofNullable(chatDate).map(LocalDate::parse);
  }

  /** What the texts are read as. */
  public TextForm form() {
    return TextForm.ofLabel(form);
  }

  /**
   * These texts, to be read with these options.
   *
   * @throws IOException if they come from standard input, and it cannot be copied
   */
  public TextSpec of(List<Path> texts) throws IOException {
    boolean isText = format == null ? form() == TextForm.TEXT : format.equals(FORMATS.getFirst());
    List<Path> paths = standardInput.copied(texts, isText ? ".txt" : ".jsonl");
    String used = field == null ? form().usualField() : field;
    return new TextSpec(paths, used, strict, form(), chatDate());
  }
}
