package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What {@code docs/cluster/Dockerfile} takes from elsewhere; building it needs Docker. */
class ImageTest {
  private static final Path ROOT = Path.of(System.getProperty("basedir", "."));

  private static String read(String file) throws IOException {
    return Files.readString(ROOT.resolve(file));
  }

  private static List<String> found(String pattern, String text) {
    return Pattern.compile(pattern).matcher(text).results().map(ImageTest::first).toList();
  }

  private static String first(MatchResult result) {
    return result.group(1);
  }

  @Test
  void whatItRunsIsInTheFolderOfMakeDist() throws IOException {
    String maker = read("bin/make-dist");
    List<String> programs = found("/opt/sluice/(bin/[\\w-]+)", read("docs/cluster/Dockerfile"));
    assertThat(programs).contains("bin/sluice", "bin/sluice-spark");
    String copied = found("cp -p (bin/.*) \"\\$out/bin/\"", maker).getFirst();
    assertThat(copied.split(" ")).containsAll(programs);
    assertThat(found("COPY (\\w+) ", read("docs/cluster/Dockerfile"))).containsExactly("sluice");
    assertThat(maker).contains("out=dist/sluice\n");
  }

  @Test
  void itsSparkIsTheOneThatSluiceIsCompiledAgainst() throws IOException {
    List<String> image = found("FROM apache/spark:([\\d.]+)-", read("docs/cluster/Dockerfile"));
    assertThat(image).isEqualTo(found("<spark.version>(.*)</spark.version>", read("pom.xml")));
  }
}
