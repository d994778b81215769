package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.architectures.Architectures;
import io.sluice.model.causal.Architecture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** One package alone names architectures. */
class ArchitectureNamesTest {
  private static final Path SOURCES =
      Path.of(System.getProperty("basedir", "")).resolve("src/main/java/io/sluice");

  /** Tokenizers of GGUF files have names of their own, some of which are those of models. */
  @Test
  void noOtherCodeNamesAnArchitecture() throws IOException {
    List<String> named = new ArrayList<>();
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(each -> each.toString().endsWith(".java")).toList()) {
        String folder = file.getParent().getFileName().toString();
        if (folder.equals("architectures") || folder.equals("tokens")) {
          continue;
        }
        String source = Files.readString(file);
        for (Architecture each : Architectures.builtIn().all()) {
          if (source.contains("\"" + each.label() + "\"")) {
            named.add(file.getFileName() + " names " + each.label());
          }
        }
      }
    }
    assertThat(named).isEmpty();
  }
}
