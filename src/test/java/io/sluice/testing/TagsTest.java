package io.sluice.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tags by which {@code make} chooses tests; CONTRIBUTING.md says what each means. */
class TagsTest {
  private static final List<String> TAGS =
      List.of("slow", "model", "python", "fuzz", "cuda", "spark", "spark-failures");
  private static final Pattern TAG = Pattern.compile("@Tag\\(\"(.*?)\"\\)");
  private static final Pattern PYTHON =
      Pattern.compile("\\bPython\\.[a-z]\\w+\\(|EmbeddedPython\\.require");

  @Test
  void onlyThoseThatAreDescribedAreUsed() throws IOException {
    String described = Files.readString(Path.of("CONTRIBUTING.md"));
    for (String tag : TAGS) {
      assertThat(described).contains("`" + tag + "`");
    }
    for (Path file : tests()) {
      assertThat(TAGS).as("%s", file).containsAll(tags(file));
    }
  }

  @Test
  void aTestThatMutatesFilesOrAsksPythonSaysSo() throws IOException {
    for (Path file : tests()) {
      if (file.toString().endsWith("FuzzTest.java")) {
        assertThat(tags(file)).as("%s", file).contains("fuzz");
      }
      if (PYTHON.matcher(Files.readString(file)).find()) {
        assertThat(tags(file)).as("%s", file).containsAnyOf("python", "model");
      }
    }
  }

  private static List<Path> tests() throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(Path.of("src/test/java"))) {
      files
          .filter(file -> file.toString().endsWith("Test.java") && !file.endsWith("TagsTest.java"))
          .forEach(found::add);
    }
    assertThat(found).hasSizeGreaterThan(100);
    return found;
  }

  private static List<String> tags(Path file) throws IOException {
    return TAG.matcher(Files.readString(file)).results().map(result -> result.group(1)).toList();
  }
}
