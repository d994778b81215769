package io.sluice.model;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.sluice.model.architectures.Architectures;
import io.sluice.model.causal.Architecture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Packages of models depend on each other in one direction, and one alone knows architectures. */
@AnalyzeClasses(packages = "io.sluice.model", importOptions = ImportOption.DoNotIncludeTests.class)
class ModelPackagesTest {
  private static final Path SOURCES =
      Path.of(System.getProperty("basedir", "")).resolve("src/main/java/io/sluice");

  @ArchTest
  static final ArchRule NO_CIRCLES =
      slices().matching("io.sluice.model.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule ONLY_LOADING_USES_ARCHITECTURES =
      noClasses()
          .that()
          .resideOutsideOfPackages("..model.architectures..", "..model.loading..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("..model.architectures..");

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
