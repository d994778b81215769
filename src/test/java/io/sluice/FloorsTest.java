package io.sluice;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import com.tngtech.archunit.lang.ArchRule;
import io.sluice.engine.CheckedEngine;
import io.sluice.engine.EngineFactory;
import io.sluice.model.ModelPackages;
import io.sluice.simd.KernelPackages;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The packages stand on floors: a package uses only what is on floors below its own, and the
 * packages within it.
 */
@AnalyzeClasses(packages = "io.sluice", importOptions = ImportOption.DoNotIncludeTests.class)
class FloorsTest {
  private static final String ROOT = "io.sluice.";

  /** From the ground up. */
  private static final List<List<String>> FLOORS =
      List.of(
          List.of("bindings", "memory"),
          List.of("torch", "simd", "files", "page"),
          List.of("store", "weights", "text", "tokenizer", "engine", "hub"),
          List.of("model", "geometry", "dictionary"),
          List.of("training", "evaluation", "features"),
          List.of("lorsa", "audit"),
          List.of("report", "browse", "bench"),
          List.of("cli"),
          List.of("spark"));

  @ArchTest static final ArchTests KERNELS = ArchTests.in(KernelPackages.class);
  @ArchTest static final ArchTests MODELS = ArchTests.in(ModelPackages.class);

  @ArchTest
  static void packagesUseOnlyLowerFloors(JavaClasses classes) {
    for (List<String> floor : FLOORS) {
      for (String room : floor) {
        noClasses()
            .that()
            .resideInAPackage(ROOT + room + "..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                notBelow(room).stream().map(r -> ROOT + r + "..").toArray(String[]::new))
            .because("packages use only what is on floors below their own")
            .check(classes);
      }
    }
  }

  @ArchTest
  static void everyPackageHasAFloor(JavaClasses classes) {
    Set<String> rooms =
        classes.stream()
            .map(JavaClass::getPackageName)
            .map(name -> name.substring(ROOT.length()).replaceFirst("\\..*", ""))
            .collect(Collectors.toSet());
    assertThat(FLOORS.stream().flatMap(List::stream)).containsExactlyInAnyOrderElementsOf(rooms);
  }

  @ArchTest
  static final ArchRule ONLY_TORCH_USES_THE_BINDINGS =
      noClasses()
          .that()
          .resideOutsideOfPackages("io.sluice.torch..", "io.sluice.bindings..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.sluice.bindings..");

  /** All others run where there is no Spark. */
  @ArchTest
  static final ArchRule ONLY_ONE_PACKAGE_USES_SPARK =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.sluice.spark..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.apache.spark..", "org.apache.hadoop..", "scala..", "io.fabric8..");

  @ArchTest
  static final ArchRule NO_PACKAGES_USE_EACH_OTHER =
      slices().matching("io.sluice.(**)").should().beFreeOfCycles();

  /** The pieces of an engine do not know the engine that has them. */
  @ArchTest
  static final ArchRule ONLY_THE_FACTORY_KNOWS_THE_ENGINE_OF_A_DICTIONARY =
      noClasses()
          .that()
          .doNotBelongToAnyOf(CheckedEngine.class, EngineFactory.class)
          .should()
          .dependOnClassesThat()
          .belongToAnyOf(CheckedEngine.class);

  /** Rooms on the same floor as {@code room} or on a higher one, without itself. */
  private static List<String> notBelow(String room) {
    List<String> all = new ArrayList<>();
    boolean reached = false;
    for (List<String> floor : FLOORS) {
      reached |= floor.contains(room);
      if (reached) {
        all.addAll(floor);
      }
    }
    all.remove(room);
    return all;
  }
}
