package io.sluice;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a program reads (names of files, numbers in tables and JSON, words that are compared) is
 * written in {@code Locale.ROOT}: the default locale of ar-EG writes other digits, that of tr-TR
 * another small i, that of de-DE a comma for the point. Only the text of an exception, which a
 * person reads, may follow the default locale.
 */
class LocaleTest {
  private static final Pattern CALL =
      Pattern.compile(
          "\\.formatted\\(|String\\.format\\(|\\bprintf\\(|to(Lower|Upper)Case\\(\\)"
              + "|new (Formatter|Scanner|DecimalFormat)\\(|\\w+Format\\.get\\w*Instance\\(\\)"
              + "|DateTimeFormatter\\.ofPattern\\(");

  /** What the locale changes: digits, points, groups, names of days. */
  private static final Pattern LOCAL = Pattern.compile("%[-#+ 0,(\\d.$]*[defghEGaAtT]");

  @Tag("slow")
  @Test
  void noLocaleIsLeftToTheMachine() throws IOException {
    List<String> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        for (String call : callsWithoutLocale(Files.readString(file))) {
          found.add(file + ":" + call);
        }
      }
    }
    assertThat(found).as("say String.format(Locale.ROOT, …) or toLowerCase(Locale.ROOT)").isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "String name = \"layer-%02d\".formatted(layer);",
        "String name = String.format(\"%.3f\", x);",
        "out.printf(\"%,d rows%n\", rows);",
        "return name.toLowerCase();",
        "try (Scanner in = new Scanner(file)) {"
      })
  void oneThatIsLeftIsFound(String statement) {
    assertThat(callsWithoutLocale("{\n  " + statement + "\n}\n")).hasSize(1);
  }

  private static List<String> callsWithoutLocale(String source) {
    List<String> found = new ArrayList<>();
    Matcher call = CALL.matcher(source);
    while (call.find()) {
      int start = 1;
      for (String end : List.of(";\n", "{\n", "}\n")) {
        start = Math.max(start, source.lastIndexOf(end, call.start()) + 1);
      }
      int end = source.indexOf(";\n", call.end());
      String statement = source.substring(start, end < 0 ? source.length() : end);
      boolean formats = call.group().matches("\\.formatted\\(|String\\.format\\(|printf\\(");
      boolean told = statement.contains("Locale.") || statement.contains("Exception(");
      if (!told && !statement.contains("throw ") && (!formats || LOCAL.matcher(statement).find())) {
        found.add(source.substring(0, call.start()).lines().count() + ": " + statement.strip());
      }
    }
    return found;
  }
}
