package io.sluice.cli;

import io.sluice.files.AtomicFile;
import io.sluice.model.LoadedModel;
import io.sluice.report.Spectra;
import io.sluice.store.ActivationStore;
import io.sluice.store.Column;
import io.sluice.store.RowFilter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice spectrum}: in how few dimensions each place of a model writes. */
@Command(
    name = "spectrum",
    description = {
      "Measure in how few dimensions each hook point of a store varies.",
      "Layer by layer: the directions that hold 99 %% of the variance, effective rank and",
      "participation ratio."
    },
    footer = {
      "",
      "Example:",
      "  sluice spectrum --store activations --model model/ --out spectrum.json"
    })
final class SpectrumCommand extends SluiceCommand {
  @Option(
      names = "--store",
      required = true,
      paramLabel = "DIR",
      description = "An activation store that 'sluice capture' wrote.")
  private Path storeFolder;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--hooks",
      paramLabel = "PATTERNS",
      description =
          "Hook points, with commas between: layers.3.attn_out, layers.*.z, layers.0-2.*"
              + " (default: all).")
  private String hooks;

  @Option(
      names = "--tau",
      paramLabel = "SHARE",
      defaultValue = "0.99",
      description = "Share of the variance to be held, above 0, at most 1 (default: 0.99).")
  private double tau;

  @Option(
      names = "--from-position",
      paramLabel = "N",
      description =
          "Leave out the first N positions of each context (default: 1 for causal models, whose first"
              + " token is an attention sink with activations of another scale; 0 for encoders).")
  private Integer fromPosition;

  @Option(
      names = "--model",
      paramLabel = "PATH",
      description =
          "The model's file or folder; adds the spectra of its output projections W_O and the"
              + " overlap of their heads.")
  private Path model;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      description = "Where covariances are taken: cpu, cuda, cuda:1 (default: cpu).")
  private String device;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the spectra to this file, as 'sluice report --spectrum' reads it.")
  private Path out;

  @Option(
      names = "--stats",
      paramLabel = "FILE",
      description = "Write means and covariances to this safetensors file, for later use.")
  private Path stats;

  @Option(names = "--json", description = "Print the spectra as JSON instead of a table.")
  private boolean json;

  @Override
  protected void run() throws IOException {
    if (!(tau > 0 && tau <= 1)) {
      throw usage("--tau must be above 0 and at most 1, not " + tau);
    }
    if (fromPosition != null && fromPosition < 0) {
      throw usage("--from-position must not be negative, as " + fromPosition + " is");
    }
    Device on = parsedDevice();
    OutputFile.check("--out", out);
    OutputFile.check("--stats", stats);
    ActivationStore store = checksums.open(storeFolder);
    if (store.rows() == 0) {
      throw new IOException(storeFolder + ": the store has no rows; capture a longer text");
    }
    StoreSpectra measuring = new StoreSpectra(store, tau, on);
    List<Column> columns = measuring.columns(hooks);
    int first = firstPosition(store);
    RowFilter filter = first == 0 ? RowFilter.ALL : RowFilter.fromPosition(first);
    // The model comes first: one that cannot be read should not cost the time of the rest.
    List<Spectra.OutputProjection> projections = List.of();
    if (model != null) {
      try (LoadedModel loaded = LoadedModel.open(model, Device.CPU)) {
        projections = measuring.outputProjections(loaded);
      }
    }
    Spectra spectra;
    try (Progress progress = progress("spectrum", columns.size() * store.rows(), "rows")) {
      List<Spectra.Hook> measured = measuring.hooks(columns, filter, progress);
      if (measured.getFirst().tokens() == 0) {
        throw new IOException(
            storeFolder
                + ": no row has a position of "
                + first
                + " or more; give a smaller --from-position");
      }
      spectra = measuring.spectra(measured, projections);
      write(measuring, spectra);
      progress.done();
    }
    if (json) {
      out().print(SpectrumJson.of(spectra));
    } else {
      new SpectrumTable(spectra).print(out());
    }
  }

  private int firstPosition(ActivationStore store) {
    if (fromPosition != null) {
      return fromPosition;
    }
    return Boolean.parseBoolean(store.manifest().properties().get("causal")) ? 1 : 0;
  }

  private void write(StoreSpectra measuring, Spectra spectra) throws IOException {
    if (out != null) {
      AtomicFile.write(out, SpectrumJson.of(spectra));
    }
    if (stats != null) {
      measuring.statistics().write(stats);
    }
  }

  private Device parsedDevice() {
    try {
      return Device.parse(device);
    } catch (IllegalArgumentException e) {
      throw usage("--device: " + e.getMessage());
    }
  }
}
