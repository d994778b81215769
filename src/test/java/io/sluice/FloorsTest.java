package io.sluice;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The house has floors: a package may use only what is on floors below it. */
@AnalyzeClasses(packages = "io.sluice", importOptions = ImportOption.DoNotIncludeTests.class)
class FloorsTest {
  private static final String[] ABOVE_3 = {
    "training", "evaluation", "lorsa", "report", "bench", "cli"
  };
  private static final String[] ABOVE_2 = {
    "model", "geometry", "dictionary", "training", "evaluation", "lorsa", "report", "bench", "cli"
  };
  private static final String[] ABOVE_1 = {
    "store",
    "weights",
    "text",
    "tokenizer",
    "engine",
    "model",
    "geometry",
    "dictionary",
    "training",
    "evaluation",
    "lorsa",
    "report",
    "bench",
    "cli"
  };

  @ArchTest
  static final ArchRule PACKAGES_USE_ONLY_LOWER_FLOORS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .withOptionalLayers(true)
          .layer("bindings")
          .definedBy("io.sluice.bindings..")
          .layer("memory")
          .definedBy("io.sluice.memory..")
          .layer("torch")
          .definedBy("io.sluice.torch..")
          .layer("simd")
          .definedBy("io.sluice.simd..")
          .layer("files")
          .definedBy("io.sluice.files..")
          .layer("store")
          .definedBy("io.sluice.store..")
          .layer("weights")
          .definedBy("io.sluice.weights..")
          .layer("text")
          .definedBy("io.sluice.text..")
          .layer("tokenizer")
          .definedBy("io.sluice.tokenizer..")
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
          .layer("lorsa")
          .definedBy("io.sluice.lorsa..")
          .layer("report")
          .definedBy("io.sluice.report..")
          .layer("bench")
          .definedBy("io.sluice.bench..")
          .layer("cli")
          .definedBy("io.sluice.cli..")
          .whereLayer("bindings")
          .mayOnlyBeAccessedByLayers("torch")
          .whereLayer("torch")
          .mayOnlyBeAccessedByLayers(ABOVE_1)
          .whereLayer("simd")
          .mayOnlyBeAccessedByLayers(ABOVE_1)
          .whereLayer("files")
          .mayOnlyBeAccessedByLayers(ABOVE_1)
          .whereLayer("store")
          .mayOnlyBeAccessedByLayers(ABOVE_2)
          .whereLayer("weights")
          .mayOnlyBeAccessedByLayers(ABOVE_2)
          .whereLayer("text")
          .mayOnlyBeAccessedByLayers(ABOVE_2)
          .whereLayer("tokenizer")
          .mayOnlyBeAccessedByLayers(ABOVE_2)
          .whereLayer("engine")
          .mayOnlyBeAccessedByLayers(ABOVE_2)
          .whereLayer("model")
          .mayOnlyBeAccessedByLayers(ABOVE_3)
          .whereLayer("geometry")
          .mayOnlyBeAccessedByLayers(ABOVE_3)
          .whereLayer("dictionary")
          .mayOnlyBeAccessedByLayers(ABOVE_3)
          .whereLayer("training")
          .mayOnlyBeAccessedByLayers("lorsa", "report", "bench", "cli")
          .whereLayer("evaluation")
          .mayOnlyBeAccessedByLayers("lorsa", "report", "bench", "cli")
          .whereLayer("lorsa")
          .mayOnlyBeAccessedByLayers("report", "bench", "cli")
          .whereLayer("bench")
          .mayOnlyBeAccessedByLayers("cli")
          .whereLayer("report")
          .mayOnlyBeAccessedByLayers("cli")
          .whereLayer("cli")
          .mayNotBeAccessedByAnyLayer();
}
