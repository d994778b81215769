package io.sluice;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The house has floors: a package may use only what is on floors below it. */
@AnalyzeClasses(packages = "io.sluice", importOptions = ImportOption.DoNotIncludeTests.class)
class FloorsTest {
  @ArchTest
  static final ArchRule PACKAGES_USE_ONLY_LOWER_FLOORS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .withOptionalLayers(true)
          .layer("bindings")
          .definedBy("io.sluice.bindings..")
          .layer("torch")
          .definedBy("io.sluice.torch..")
          .layer("simd")
          .definedBy("io.sluice.simd..")
          .layer("store")
          .definedBy("io.sluice.store..")
          .layer("weights")
          .definedBy("io.sluice.weights..")
          .layer("engine")
          .definedBy("io.sluice.engine..")
          .layer("model")
          .definedBy("io.sluice.model..")
          .layer("geometry")
          .definedBy("io.sluice.geometry..")
          .layer("dictionary")
          .definedBy("io.sluice.dictionary..")
          .layer("training")
          .definedBy("io.sluice.training..")
          .layer("evaluation")
          .definedBy("io.sluice.evaluation..")
          .layer("report")
          .definedBy("io.sluice.report..")
          .layer("cli")
          .definedBy("io.sluice.cli..")
          .whereLayer("bindings")
          .mayOnlyBeAccessedByLayers("torch")
          .whereLayer("torch")
          .mayOnlyBeAccessedByLayers(
              "store",
              "weights",
              "engine",
              "model",
              "geometry",
              "dictionary",
              "training",
              "evaluation",
              "report",
              "cli")
          .whereLayer("simd")
          .mayOnlyBeAccessedByLayers(
              "store",
              "weights",
              "engine",
              "model",
              "geometry",
              "dictionary",
              "training",
              "evaluation",
              "report",
              "cli")
          .whereLayer("store")
          .mayOnlyBeAccessedByLayers(
              "model", "geometry", "dictionary", "training", "evaluation", "report", "cli")
          .whereLayer("weights")
          .mayOnlyBeAccessedByLayers(
              "model", "geometry", "dictionary", "training", "evaluation", "report", "cli")
          .whereLayer("engine")
          .mayOnlyBeAccessedByLayers(
              "model", "geometry", "dictionary", "training", "evaluation", "report", "cli")
          .whereLayer("model")
          .mayOnlyBeAccessedByLayers("training", "evaluation", "report", "cli")
          .whereLayer("geometry")
          .mayOnlyBeAccessedByLayers("training", "evaluation", "report", "cli")
          .whereLayer("dictionary")
          .mayOnlyBeAccessedByLayers("training", "evaluation", "report", "cli")
          .whereLayer("training")
          .mayOnlyBeAccessedByLayers("report", "cli")
          .whereLayer("evaluation")
          .mayOnlyBeAccessedByLayers("report", "cli")
          .whereLayer("report")
          .mayOnlyBeAccessedByLayers("cli")
          .whereLayer("cli")
          .mayNotBeAccessedByAnyLayer();
}
