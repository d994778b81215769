package io.sluice.cli.results;

import io.sluice.cli.console.Progress;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.OutputProjection;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.StatisticsFile;
import io.sluice.geometry.StatisticsWriter;
import io.sluice.geometry.StoreCovariance;
import io.sluice.geometry.TokenMoments;
import io.sluice.model.HookKind;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.ModelShape;
import io.sluice.model.loading.LoadedModel;
import io.sluice.report.Spectra;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/** Measures the spectra of a store's hook points and of a model's output projections. */
public final class StoreSpectra {
  private final ActivationStore store;
  private final String model;
  private final String text;
  private final double tau;
  private final Device device;
  private final Map<String, Covariance> covariances = new LinkedHashMap<>();
  private ExpectedDead dead;

  /**
   * Measures nothing yet.
   *
   * @param tau share of the variance that the intrinsic dimension holds, in (0, 1]
   * @param device where covariances are taken
   */
  public StoreSpectra(ActivationStore store, double tau, Device device) {
    this.store = store;
    this.model = store.manifest().model();
    this.text = store.manifest().text();
    this.tau = tau;
    this.device = device;
  }

  /** Spectra without a store; only {@link #hooks(Map)} can be asked for. */
  public StoreSpectra(String model, String text, double tau) {
    this.store = null;
    this.model = model;
    this.text = text;
    this.tau = tau;
    this.device = Device.CPU;
  }

  /** Also predicts the dead features of dictionaries, for each hook point. */
  public StoreSpectra predicting(ExpectedDead asked) {
    dead = asked;
    return this;
  }

  /** The spectra of covariances that were taken elsewhere. */
  public List<Spectra.Hook> hooks(Map<HookPoint, TokenMoments> measured) {
    measured.forEach((point, moments) -> covariances.put(point.toString(), moments.tokens()));
    // One thread decomposes a matrix; so all cores take one each.
    return List.copyOf(measured.entrySet()).parallelStream()
        .map(each -> hook(each.getKey(), each.getValue()))
        .toList();
  }

  /**
   * The columns that match.
   *
   * @param patterns hook patterns or names of columns with commas between; null for all columns
   * @throws IllegalArgumentException if one matches nothing; the message lists what there is
   */
  public List<Column> columns(String patterns) {
    if (patterns == null) {
      return store.columns();
    }
    // A store of another program may have columns of any name.
    Map<String, Column> named = new LinkedHashMap<>();
    store.columns().forEach(column -> named.put(column.name(), column));
    List<HookPoint> available =
        named.keySet().stream().filter(HookPoint::isOne).map(HookPoint::parse).sorted().toList();
    Set<Column> chosen = new LinkedHashSet<>();
    List<String> rest = new ArrayList<>();
    for (String part : patterns.split(",", -1)) {
      if (named.containsKey(part.strip())) {
        chosen.add(named.get(part.strip()));
      } else if (available.isEmpty()) {
        chosen.add(store.column(part.strip()));
      } else {
        rest.add(part);
      }
    }
    if (!rest.isEmpty()) {
      HookPatterns.select(String.join(",", rest), available, store.manifest().model())
          .forEach(point -> chosen.add(store.column(point.toString())));
    }
    return store.columns().stream().filter(chosen::contains).toList();
  }

  /**
   * Measures columns, each read once.
   *
   * @param filter selects the rows to use
   * @param progress told the rows read so far, over all columns
   * @throws IOException if a value is not finite; the message names column and row
   */
  public List<Spectra.Hook> hooks(List<Column> columns, RowFilter filter, Progress progress)
      throws IOException {
    List<Spectra.Hook> hooks = new ArrayList<>();
    for (Column column : columns) {
      long before = hooks.size() * store.rows();
      TokenMoments moments =
          StoreCovariance.moments(
              store,
              column,
              filter,
              device,
              dead != null,
              rows -> progress.update(before + rows, column.name()));
      covariances.put(column.name(), moments.tokens());
      hooks.add(hook(column.name(), moments));
    }
    return hooks;
  }

  /**
   * The spectrum of moments that were taken elsewhere.
   *
   * @throws UncheckedIOException if nothing varies
   */
  public Spectra.Hook hook(HookPoint point, TokenMoments moments) {
    return hook(point.toString(), moments);
  }

  /**
   * The same of a column of any name.
   *
   * @throws UncheckedIOException if nothing varies
   */
  public Spectra.Hook hook(String column, TokenMoments moments) {
    ColumnPlace place = ColumnPlace.of(column);
    Covariance covariance = moments.tokens();
    Spectrum spectrum = Spectrum.of(covariance);
    double meanSquare = 0;
    for (double mean : covariance.mean()) {
      meanSquare += mean * mean;
    }
    // With one vector the sums of squares are rounding errors. For a store without tokens the
    // command gives the reason.
    if (covariance.count() > 0 && !(spectrum.totalVariance() > 1e-13 * meanSquare)) {
      throw new UncheckedIOException(
          new IOException(
              (covariance.count() == 1
                      ? "%s: '%s' has one token, and a spectrum needs several; capture a longer text"
                      : "%s: '%s' holds the same vector in all %d tokens, so there is no variance to"
                          + " measure; capture another text")
                  .formatted(store == null ? text : store.place(), column, covariance.count())));
    }
    return new Spectra.Hook(
        column,
        place.kind(),
        place.layer(),
        covariance.width(),
        covariance.count(),
        spectrum.intrinsicDimension(tau),
        spectrum.intrinsicDimensionRatio(tau),
        spectrum.effectiveRank(),
        spectrum.effectiveRankRatio(),
        spectrum.participationRatio(),
        spectrum.stableRank(),
        spectrum.totalVariance(),
        spectrum.eigenvalues(),
        covariance.count() == 0 ? null : Double.valueOf(covariance.outlierSeverity()),
        dead == null || covariance.count() == 0 ? null : dead.of(moments, tau));
  }

  /** Measures the output projection of every layer. */
  public List<Spectra.OutputProjection> outputProjections(LoadedModel model) {
    return IntStream.range(0, model.transformer().shape().layers())
        .parallel()
        .mapToObj(layer -> outputProjection(model, layer))
        .toList();
  }

  private Spectra.OutputProjection outputProjection(LoadedModel model, int layer) {
    ModelShape shape = model.transformer().shape();
    OutputProjection projection =
        OutputProjection.of(weight(model, layer), shape.heads(), shape.dModel());
    Spectrum spectrum = projection.spectrum();
    return new Spectra.OutputProjection(
        layer,
        shape.heads(),
        projection.singularValues(),
        (double) spectrum.intrinsicDimension(tau),
        spectrum.effectiveRank(),
        projection.headSpectra().stream().mapToDouble(Spectrum::effectiveRank).toArray(),
        projection.headOverlap());
  }

  /**
   * {@code [heads · headDim, dModel]}: the model, which one thread may use, keeps the transpose.
   */
  private static float[] weight(LoadedModel model, int layer) {
    synchronized (model) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor stored = model.transformer().outputProjection(layer);
        return stored.transpose(0, 1).to(Device.CPU).contiguous().toFloats();
      }
    }
  }

  /** Everything that was measured, as {@code spectrum.json} holds it. */
  public Spectra spectra(List<Spectra.Hook> hooks, List<Spectra.OutputProjection> projections) {
    int layers = 0;
    int dModel = 0;
    for (Spectra.Hook hook : hooks) {
      layers = Math.max(layers, hook.layer() + 1);
      if (dModel == 0 || !hook.kind().equals(HookKind.Z.label())) {
        dModel = hook.width();
      }
    }
    return new Spectra(
        model,
        text,
        hooks.isEmpty() ? 0 : hooks.getFirst().tokens(),
        tau,
        dModel,
        Math.max(layers, projections.size()),
        hooks,
        projections);
  }

  /** The means and covariances of the columns measured so far. */
  public StatisticsFile statistics() {
    return new StatisticsFile(model, text, covariances);
  }

  /**
   * Begins a file of means and covariances that were taken elsewhere.
   *
   * @param hooks their spectra, in the order of the file
   * @throws IOException if it cannot be created
   */
  public StatisticsWriter statistics(Path file, List<Spectra.Hook> hooks) throws IOException {
    List<StatisticsWriter.Entry> entries =
        hooks.stream()
            .map(hook -> new StatisticsWriter.Entry(hook.hook(), hook.width(), hook.tokens()))
            .toList();
    return StatisticsWriter.create(file, model, text, entries);
  }
}
