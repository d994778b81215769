package io.sluice.cli.console;

import io.sluice.files.Quoted;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * How values on the command line are read. An empty text or path is a variable that was not set,
 * and would name the current folder, or every hook point, or nothing; no option means anything by
 * NaN or by a number beyond all others.
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

  /** A text that may be empty, for an option that says so. */
  public static final class AnyText implements ITypeConverter<String> {
    @Override
    public String convert(String value) {
      return value;
    }
  }
}
