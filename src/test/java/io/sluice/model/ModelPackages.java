package io.sluice.model;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/**
 * Packages of models depend on each other in one direction, and one alone knows architectures.
 * {@code FloorsTest} checks these rules with its own, as reading all classes takes seconds.
 */
public final class ModelPackages {
  private ModelPackages() {}

  @ArchTest
  static final ArchRule NO_CIRCLES =
      slices().matching("io.sluice.model.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule ONLY_LOADING_USES_ARCHITECTURES =
      noClasses()
          .that()
          .resideInAPackage("io.sluice.model..")
          .and()
          .resideOutsideOfPackages("..model.architectures..", "..model.loading..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("..model.architectures..");
}
