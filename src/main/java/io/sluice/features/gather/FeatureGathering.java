package io.sluice.features.gather;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.ContextWriter;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.features.FeatureManifest.Histogram;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.geometry.Subspace;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.store.tables.TableWriter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;

/**
 * Gathers what a store says of the features of a dictionary or another {@link FeatureOwner}. One
 * pass over the store encodes all tokens and keeps their codes by feature ({@link CodeLog}); from
 * these codes follow the numbers, histograms and contexts of each feature, exactly. The result does
 * not depend on the number of threads. Call {@link #encode}, then {@link #writeTo}; not safe for
 * use by several threads at a time.
 *
 * <p>Memory: the dictionary's weights, once; the codes of the tokens up to {@value #CODE_BYTES}
 * bytes, and those beyond in a temporary file; about 60 bytes a feature; and some 100 MiB more for
 * the features that are being written.
 */
public final class FeatureGathering implements AutoCloseable {
  /** How many bytes of codes stay in memory. */
  private static final long CODE_BYTES = 128L << 20;

  /** What it takes for any dictionary, the codes in memory included. */
  private static final long FIXED_BYTES = 230L << 20;

  private static final long BYTES_PER_FEATURE = 60;

  /** How many codes are read back at once. */
  private static final long CODES_AT_ONCE = 1 << 22;

  /** The variance of more tokens than this is measured on every second batch, third, and so on. */
  static final long VARIANCE_TOKENS = 1 << 14;

  private final FeatureOwner owner;
  private final ActivationStore store;
  private final GatherSpec spec;
  private final EngineFactory engines;
  private final Workers workers;
  private final StoreText text;
  private final long codeBytes;
  private CodeLog codes;
  private Pass pass;

  /** What the pass over the store gives. */
  private record Pass(long tokens, long windowRow, Covariance variance) {}

  /**
   * Checks that dictionary and store fit each other.
   *
   * @param workers the threads that work beside the engine's
   * @throws IOException if the store has no texts, is of another model, or a file cannot be read
   * @throws IllegalArgumentException if the store lacks a hook point of the dictionary or has it
   *     with another width; one line with both values
   */
  public FeatureGathering(
      FeatureOwner owner,
      ActivationStore store,
      GatherSpec spec,
      EngineFactory engines,
      Workers workers)
      throws IOException {
    this(owner, store, spec, engines, workers, CODE_BYTES);
  }

  /** The same with another limit of the codes in memory. */
  FeatureGathering(
      FeatureOwner owner,
      ActivationStore store,
      GatherSpec spec,
      EngineFactory engines,
      Workers workers,
      long codeBytes)
      throws IOException {
    this.owner = owner;
    this.store = store;
    this.spec = spec.notBefore(owner.firstPosition());
    this.engines = engines;
    this.workers = workers;
    this.codeBytes = codeBytes;
    requireFit();
    this.text = new StoreText(store);
  }

  private void requireFit() throws IOException {
    for (Site site : owner.reads()) {
      Column column = ActivationFeed.activations(store, site.hook());
      if (column.width() != site.width()) {
        throw new IllegalArgumentException(
            "%s: '%s' is %d wide, but the dictionary reads a width of %d"
                .formatted(store.place(), column.name(), column.width(), site.width()));
      }
    }
    String of = store.manifest().model();
    if (!owner.model().isEmpty() && !of.isEmpty() && !owner.model().equals(of)) {
      throw new IOException(
          "%s: is of the model '%s', but the dictionary was trained on '%s'; capture a text with that model"
              .formatted(store.place(), of, owner.model()));
    }
    if (store.rows() == 0 || store.rows() >= 1L << 32) {
      throw new IOException(
          "%s: has %d rows; features are gathered from 1 to 2^32 of them"
              .formatted(store.place(), store.rows()));
    }
  }

  /**
   * How much memory it takes at most, beside what is mapped from the store: the weights, a copy of
   * the decoder rows of a layer, the codes, and what it needs for each feature.
   */
  public long memoryBytes() {
    long weights = 0;
    long copied = 0;
    for (FeatureLayer layer : owner.layers()) {
      DictionaryParameters rows = layer.parameters();
      long decoder = (long) rows.features() * rows.outputWidth() * Float.BYTES;
      weights += (long) rows.features() * rows.inputWidth() * Float.BYTES + decoder;
      copied = Math.max(copied, decoder);
    }
    return weights + copied + FIXED_BYTES + BYTES_PER_FEATURE * owner.features();
  }

  /**
   * Encodes the tokens of the store.
   *
   * @param temporary a folder for codes that are not kept in memory; they are deleted by {@link
   *     #close}
   * @param progress receives how many tokens are done
   * @throws IOException if the store cannot be read or the codes cannot be written
   */
  public void encode(Path temporary, LongConsumer progress) throws IOException {
    codes = new CodeLog(temporary.resolve("codes.tmp"), owner.features(), codeBytes);
    pass = readStore(progress);
  }

  /**
   * Writes all files that need no model.
   *
   * @param progress receives how many features are done; it counts to twice their number
   * @return the manifest
   * @throws IOException if the store or the codes cannot be read, or a file cannot be written
   * @throws IllegalStateException if nothing is encoded
   */
  public FeatureManifest writeTo(FeatureFolderWriter folder, LongConsumer progress)
      throws IOException {
    if (pass == null) {
      throw new IllegalStateException("the store is not encoded");
    }
    folder.tokens(text.tokens());
    folder.documents(text.documents());
    FeatureManifest manifest = manifest(pass.tokens);
    int count = owner.features();
    // Eigenvectors take one thread a while; similar features are found meanwhile.
    CompletableFuture<RowGeometry> rows = CompletableFuture.supplyAsync(this::geometry);
    SimilarFeatures similar = SimilarFeatures.of(owner, engines, workers, progress);
    RowGeometry geometry = rows.join();
    FeatureBlocks blocks = new FeatureBlocks(spec, manifest.histogram(), text, geometry, workers);
    try (TableWriter table =
            folder.openFeatures(manifest.dictionary(), manifest.histogram().bins());
        ContextWriter contexts = folder.openContexts(count);
        FeatureOutput output =
            new FeatureOutput(table, contexts, similar, pass.tokens, pass.windowRow)) {
      for (int from = 0; from < count; ) {
        int to = codes.end(from, CODES_AT_ONCE);
        blocks.write(codes.read(from, to), from, to, output);
        progress.accept((long) count + to);
        from = to;
      }
      output.finish();
      folder.finishFeatures(table);
      folder.finishContexts(contexts);
    }
    return manifest;
  }

  private RowGeometry geometry() {
    Covariance variance = pass.variance;
    return variance == null
        ? RowGeometry.of(owner)
        : RowGeometry.of(owner, Subspace.topDirections(variance, variance.width()));
  }

  /**
   * The same work, cut into parts for several processes.
   *
   * @throws IllegalArgumentException if the owner is no dictionary
   */
  public SharedGathering shared() {
    if (owner instanceof GatheredDictionary dictionary) {
      return new SharedGathering(this, dictionary, store, spec, engines, workers, text);
    }
    throw new IllegalArgumentException(
        owner.source().path()
            + ": is no dictionary whose tokens are encoded one by one; gather its features with"
            + " 'sluice features', in one process");
  }

  /** Frees the codes and deletes their file. */
  @Override
  public void close() throws IOException {
    if (codes != null) {
      codes.close();
      codes = null;
      pass = null;
    }
  }

  private Pass readStore(LongConsumer progress) throws IOException {
    boolean varies = variesAlone(owner, store);
    try (EncodedTokens tokens = owner.encode(store, spec, varies, engines);
        CovarianceAccumulator variance =
            varies
                ? CovarianceAccumulator.on(Device.CPU, owner.writes().getFirst().width())
                : null) {
      long selected = tokens.tokens();
      requireSelected(selected, store, spec);
      long windowToken = selected - Math.min(spec.deadWindow(), selected);
      long windowRow = 0;
      long done = 0;
      long stride = Math.ceilDiv(selected, VARIANCE_TOKENS);
      long batches = 0;
      while (tokens.hasNext()) {
        EncodedTokens.Batch batch = tokens.next();
        int[] numbers = batch.rows();
        codes.add(batch.codes(), numbers);
        if (variance != null && batches++ % stride == 0) {
          Rows target = tokens.written();
          variance.add(target.memory(), target.dtype(), target.count());
        }
        if (windowToken >= done && windowToken < done + numbers.length) {
          windowRow = Integer.toUnsignedLong(numbers[(int) (windowToken - done)]);
        }
        done += numbers.length;
        progress.accept(done);
      }
      return new Pass(done, windowRow, variance == null ? null : variance.covariance());
    }
  }

  static void requireSelected(long selected, ActivationStore store, GatherSpec spec)
      throws IOException {
    if (selected == 0) {
      throw new IOException(
          "%s: none of its %d rows is at position %d or later; begin at an earlier position"
              .formatted(store.place(), store.rows(), spec.firstPosition()));
    }
  }

  /** Whether the variance of what the dictionary writes can be measured: one hook point, stored. */
  static boolean variesAlone(FeatureOwner owner, ActivationStore store) {
    List<Site> writes = owner.writes();
    return writes.size() == 1
        && store
            .hookPoint(writes.getFirst().hook())
            .filter(column -> column.width() == writes.getFirst().width())
            .isPresent();
  }

  FeatureManifest manifest(long tokens) {
    FeatureManifest.Source source = owner.source();
    return new FeatureManifest(
        source,
        new FeatureManifest.Stored(
            store.place(),
            String.join(", ", source.reads()),
            store.rows(),
            store.manifest().model(),
            store.manifest().model()),
        tokens,
        spec.firstPosition(),
        Math.min(spec.deadWindow(), tokens),
        Histogram.QUARTER_DECADES,
        spec.window(),
        spec.top(),
        spec.lower(),
        Optional.empty(),
        0,
        Map.of());
  }
}
