package io.sluice.cli.console;

import io.sluice.files.Quoted;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Parses values on the command line. An empty text or path is refused, since it usually comes from
 * a shell variable that is not set; so are NaN and infinity.
 */
public final class Values {
  private Values() {}

  /** Reads the values of {@code root} and its subcommands so. */
  public static void readBy(CommandLine root) {
    root.registerConverter(String.class, Values::text);
    root.registerConverter(Path.class, Values::path);
    root.registerConverter(Double.class, Values::number);
    root.registerConverter(double.class, Values::number);
  }

  private static double number(String value) {
    double number;
    try {
      number = Double.parseDouble(value);
    } catch (NumberFormatException e) {
      throw new TypeConversionException(Quoted.of(value) + " is not a number");
    }
    if (!Double.isFinite(number)) {
      throw new TypeConversionException(Quoted.of(value) + " is not a finite number");
    }
    return number;
  }

  private static String text(String value) {
    if (value.isBlank()) {
      throw new TypeConversionException("it is empty; give a value or leave the option out");
    }
    return value;
  }

  private static Path path(String value) {
    if (value.isEmpty()) {
      throw new TypeConversionException("it is empty; give a path");
    }
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(
          Quoted.of(value) + " is not a valid path here (" + e.getReason() + ")");
    }
  }

  /** A text that may be empty, for options that allow it. */
  public static final class AnyText implements ITypeConverter<String> {
    @Override
    public String convert(String value) {
      return value;
    }
  }
}
