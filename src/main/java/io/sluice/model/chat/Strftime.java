package io.sluice.model.chat;

import java.time.LocalDate;
import java.time.format.TextStyle;
import java.util.Locale;

/** Dates as Python's {@code strftime} writes them in English, at midnight. */
final class Strftime {
  private Strftime() {}

  /**
   * A date.
   *
   * @throws TemplateException if the format has a directive that is not known to be the same on all
   *     systems
   */
  static String text(LocalDate date, String format) throws TemplateException {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      if (format.charAt(i) != '%') {
        out.append(format.charAt(i));
        continue;
      }
      boolean bare = format.startsWith("-", i + 1); // Without zeros before it, as glibc does.
      i += bare ? 2 : 1;
      String directive = i < format.length() ? format.substring(i, i + 1) : "";
      String part = directive(date, directive);
      if (part == null || bare && !part.matches("\\d+")) {
        throw TemplateException.unsupported(
            "the directive %" + (bare ? "-" : "") + directive + " of strftime_now");
      }
      out.append(bare ? part.replaceFirst("^0+(?=\\d)", "") : part);
    }
    return out.toString();
  }

  private static String directive(LocalDate date, String directive) {
    return switch (directive) {
      case "a" -> date.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case "A" -> date.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      // Not the JDK's own, whose September is Sept in some locales.
      case "b" -> month(date).substring(0, 3);
      case "B" -> month(date);
      case "d" -> digits(date.getDayOfMonth(), 2);
      case "m" -> digits(date.getMonthValue(), 2);
      case "y" -> digits(date.getYear() % 100, 2);
      case "Y" -> digits(date.getYear(), 4);
      case "j" -> digits(date.getDayOfYear(), 3);
      case "w" -> digits(date.getDayOfWeek().getValue() % 7, 1);
      case "u" -> digits(date.getDayOfWeek().getValue(), 1);
      case "H", "M", "S" -> "00";
      case "I" -> "12";
      case "p" -> "AM";
      case "f" -> "000000";
      case "%" -> "%";
      default -> null;
    };
  }

  private static String month(LocalDate date) {
    return date.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
  }

  private static String digits(int number, int width) {
    String digits = Integer.toString(number);
    return "0".repeat(Math.max(0, width - digits.length())) + digits;
  }
}
