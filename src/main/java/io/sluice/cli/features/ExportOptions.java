package io.sluice.cli.features;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.features.FeatureManifest;
import io.sluice.features.FeatureReader;
import io.sluice.features.export.ExportNames;
import io.sluice.features.export.FeatureList;
import io.sluice.features.export.NeuronpediaExport;
import io.sluice.features.export.SaeDashboardExport;
import io.sluice.model.HookPoint;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Locale;
import picocli.CommandLine.Option;

/** Options for writing features as other tools read them. */
@Grouped(OptionGroup.OUTPUT)
final class ExportOptions {
  @Option(
      names = "--export",
      paramLabel = "neuronpedia|saedashboard",
      description =
          "Write the features to --out as SAEDashboard writes them, or as the folder that"
              + " Neuronpedia imports.")
  private String export;

  @Option(
      names = "--model-id",
      paramLabel = "NAME",
      description =
          "What Neuronpedia calls the model, for instance gpt2-small (default: its name in the"
              + " store).")
  private String model;

  @Option(
      names = "--set-id",
      paramLabel = "NAME",
      description =
          "What Neuronpedia calls the set of dictionaries, without the layer (default: sluice and"
              + " the hook point).")
  private String set;

  @Option(
      names = "--creator",
      paramLabel = "NAME",
      defaultValue = "sluice",
      description = "Who made the dictionary, for Neuronpedia (default: ${DEFAULT-VALUE}).")
  private String creator;

  boolean isAsked() {
    return export != null;
  }

  void write(SluiceCommand command, FeatureReader reader, Path out) throws IOException {
    if (!export.equals("neuronpedia") && !export.equals("saedashboard")) {
      throw command.usage("--export is '" + export + "'; give neuronpedia or saedashboard");
    }
    if (out == null) {
      throw command.usage("--export needs --out, a new folder");
    }
    ExportNames names = names(reader.folder().manifest());
    int features = reader.folder().features().features();
    int written;
    try (Progress progress = command.progress("export", features, "features")) {
      int[] next = {0};
      FeatureList list =
          () -> {
            progress.update(next[0]);
            return next[0] == features ? null : reader.read(next[0]++);
          };
      written =
          export.equals("neuronpedia")
              ? NeuronpediaExport.write(out, names, Instant.now(), list)
              : SaeDashboardExport.write(out, names, list);
      progress.done();
    }
    command
        .out()
        .printf(
            Locale.ROOT,
            "%s: %,d of %,d features; the others never fire%n",
            out,
            written,
            features);
  }

  private ExportNames names(FeatureManifest manifest) {
    FeatureManifest.Stored store = manifest.store();
    HookPoint hook = HookPoint.parse(manifest.dictionary().reads().getFirst());
    int context = manifest.window().before() + manifest.window().after() + 1;
    return new ExportNames(
        model != null ? model : plain(store.model()),
        set != null ? set : "sluice-" + hook.kind().label(),
        hook.layer(),
        hook.kind().label(),
        store.path(),
        Math.ceilDiv(manifest.tokens(), context),
        context,
        creator);
  }

  /** A name as it can be that of a folder. */
  private static String plain(String name) {
    String plain = name.replaceAll("[^A-Za-z0-9._-]+", "-").replaceAll("^[^A-Za-z0-9]+", "");
    return plain.isEmpty() ? "model" : plain;
  }
}
