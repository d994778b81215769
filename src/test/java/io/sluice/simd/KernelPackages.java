package io.sluice.simd;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/**
 * Kernels stay inside their packages, and those packages use each other in one direction. {@code
 * FloorsTest} checks these rules with its own, as reading all classes takes seconds.
 */
public final class KernelPackages {
  private KernelPackages() {}

  @ArchTest
  static final ArchRule PACKAGES_HAVE_NO_CIRCLES =
      slices().matching("io.sluice.(simd).(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule WHAT_ALL_SUBJECTS_SHARE_USES_NONE_OF_THEM =
      noClasses()
          .that()
          .resideInAPackage("io.sluice.simd")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.sluice.simd.*..");

  @ArchTest
  static final ArchRule LAYERS_AND_BLOCKS_USE_NO_OTHER_SUBJECT =
      noClasses()
          .that()
          .resideInAnyPackage("io.sluice.simd.layers..", "io.sluice.simd.blocks..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.sluice.simd.batch..", "io.sluice.simd.single..", "io.sluice.simd.moments..");

  @ArchTest
  static final ArchRule KERNELS_ARE_PACKAGE_PRIVATE =
      classes()
          .that()
          .resideInAPackage("io.sluice.simd.*..")
          .and()
          .haveNameMatching(".*Kernels?")
          .should()
          .notBePublic();

  @ArchTest
  static final ArchRule MEMORY_USES_NOTHING_OF_THE_REST =
      noClasses()
          .that()
          .resideInAPackage("io.sluice.memory..")
          .should()
          .dependOnClassesThat()
          .resideOutsideOfPackages("io.sluice.memory..", "java..");
}
