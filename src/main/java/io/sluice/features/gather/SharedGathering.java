package io.sluice.features.gather;

import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.EngineFactory;
import io.sluice.features.ContextWriter;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.features.FeatureManifest.Histogram;
import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.geometry.Subspace;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.tables.TableWriter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * The work of {@link FeatureGathering} in parts, which several processes can do; the files have the
 * same bytes. Some encode blocks of tokens, some find similar features, some describe groups of
 * consecutive features by their codes, and one writes the files. All have the dictionary and the
 * store. Safe for use by several threads at a time: one of them uses the engine.
 */
public final class SharedGathering implements AutoCloseable {
  /** Batches of a block. */
  private static final int BLOCK = 64;

  /** More groups are made only where one would have more than {@link #LARGEST_GROUP} features. */
  private static final int MOST_GROUPS = 1024;

  private static final int LARGEST_GROUP = 1024;

  private final FeatureGathering whole;
  private final GatheredDictionary dictionary;
  private final ActivationStore store;
  private final GatherSpec spec;
  private final EngineFactory engines;
  private final Workers workers;
  private final StoreText text;
  private final SiteFeed feed;
  private final int features;
  private final int shift;
  private DictionaryTokens tokens;
  private SimilarSearch search;
  private int searched;

  SharedGathering(
      FeatureGathering whole,
      GatheredDictionary dictionary,
      ActivationStore store,
      GatherSpec spec,
      EngineFactory engines,
      Workers workers,
      StoreText text) {
    this.whole = whole;
    this.dictionary = dictionary;
    this.store = store;
    this.spec = spec;
    this.engines = engines;
    this.workers = workers;
    this.text = text;
    this.feed = DictionaryTokens.feed(dictionary, store, spec, false);
    this.features = dictionary.features();
    int bits = 0;
    while (1 << bits < LARGEST_GROUP && (features - 1) >> bits >= MOST_GROUPS) {
      bits++;
    }
    this.shift = bits;
  }

  /**
   * How many blocks of tokens there are.
   *
   * @throws IOException if no token is read
   */
  public int blocks() throws IOException {
    FeatureGathering.requireSelected(feed.rows(), store, spec);
    return Math.toIntExact(Math.ceilDiv(feed.rows(), (long) BLOCK * spec.batch()));
  }

  /** The row of the store where a block begins: 0 for the first, and the end after the last. */
  private long start(int block) {
    long index = (long) block * BLOCK * spec.batch();
    return block == 0 ? 0 : index >= feed.rows() ? store.rows() : feed.row(index);
  }

  /**
   * Compares the files of the store that begin in consecutive blocks with their checksums.
   *
   * @throws IOException if a byte differs; the message names the file
   */
  public void verify(int from, int to) throws IOException {
    store.verify(start(from), start(to));
  }

  /** How many groups of features there are. */
  public int groups() {
    return ((features - 1) >> shift) + 1;
  }

  /** Features of a group; the last one may have fewer. */
  public int groupSize() {
    return 1 << shift;
  }

  /** How many parts the search for similar features has. */
  public int searches() {
    return dictionary.layers().stream()
        .mapToInt(layer -> SimilarSearch.batches(layer.parameters().features()))
        .sum();
  }

  /**
   * The directions in which vary what the dictionary writes, for {@link #describe}; it reads some
   * batches of the store.
   *
   * @return {@code [width][directions]}; empty where they are not known
   * @throws IOException if the store cannot be read
   */
  public double[][] activeDirections() throws IOException {
    if (!FeatureGathering.variesAlone(dictionary, store)) {
      return new double[0][];
    }
    List<Site> writes = dictionary.writes();
    List<SiteScaling> targets = SiteScaling.none(writes);
    BatchPlan plan =
        BatchPlan.sequential(SiteFeed.columns(targets, targets), spec.batch()).where(spec.rows());
    SiteFeed written = new SiteFeed(store, plan, targets, targets);
    long stride = Math.ceilDiv(written.rows(), FeatureGathering.VARIANCE_TOKENS);
    try (CovarianceAccumulator variance =
        CovarianceAccumulator.on(Device.CPU, writes.getFirst().width())) {
      for (long batch = 0; batch * spec.batch() < written.rows(); batch += stride) {
        written.seek(batch);
        Rows rows = written.next().target();
        variance.add(rows.memory(), rows.dtype(), rows.count());
      }
      int width = writes.getFirst().width();
      return RowGeometry.basis(Subspace.topDirections(variance.covariance(), width));
    }
  }

  /**
   * Encodes consecutive blocks. Codes come as they are asked for, so memory does not grow with the
   * number of tokens; those of a group come by row.
   *
   * @param from the first block
   * @param to the end, exclusive
   * @param progress receives the number of tokens of each batch
   * @return chunks of codes, with one of each group at least from the first block; what cannot be
   *     read ends in an {@code UncheckedIOException}
   */
  public Iterator<CodeChunk> encode(int from, int to, LongConsumer progress) {
    long last = Math.min((long) to * BLOCK, Math.ceilDiv(feed.rows(), (long) spec.batch()));
    ChunkedCodes chunks = new ChunkedCodes(groups(), shift, (long) from << Integer.SIZE);
    return new ChunkIterator(
        chunks, (long) from * BLOCK, last, from == 0, batch -> encode(batch, chunks, progress));
  }

  private synchronized void encode(long batch, ChunkedCodes chunks, LongConsumer progress)
      throws IOException {
    if (tokens == null) {
      closeSearch();
      tokens = dictionary.encode(store, spec, false, engines);
    }
    tokens.seek(batch);
    EncodedTokens.Batch encoded = tokens.next();
    chunks.add(encoded.codes(), encoded.rows());
    progress.accept(encoded.rows().length);
  }

  /**
   * Finds the features most similar to those of a part.
   *
   * @param part its number, below {@link #searches}
   */
  public synchronized SimilarRows similar(int part) {
    closeTokens();
    int left = part;
    int first = 0;
    for (int i = 0; ; i++) {
      FeatureLayer layer = dictionary.layers().get(i);
      int count = layer.parameters().features();
      int batches = SimilarSearch.batches(count);
      if (left < batches) {
        if (search == null || searched != i) {
          closeSearch();
          search = new SimilarSearch(layer, first, engines, workers);
          searched = i;
        }
        return search.find(left);
      }
      left -= batches;
      first += count;
    }
  }

  /**
   * Describes a group of features.
   *
   * @param codes all chunks of its codes, by their order
   * @param directions what {@link #activeDirections} has found
   * @return the features in their order, some in each
   * @throws IllegalArgumentException if a feature has more codes than an array holds
   */
  public List<DescribedFeatures> describe(int group, List<int[]> codes, double[][] directions)
      throws IOException {
    int from = group << shift;
    int to = Math.min(features, from + groupSize());
    int[] counts = new int[to - from];
    for (int[] chunk : codes) {
      for (int at = 0; at < chunk.length; at += CodeChunk.INTS) {
        counts[chunk[at] - from]++;
      }
    }
    FeatureCodes sorted = new FeatureCodes(from, counts);
    codes.forEach(chunk -> sorted.add(chunk, chunk.length));
    List<DescribedFeatures> described = new ArrayList<>();
    RowGeometry geometry = RowGeometry.of(dictionary, directions.length == 0 ? null : directions);
    new FeatureBlocks(spec, Histogram.QUARTER_DECADES, text, geometry, workers)
        .write(
            sorted,
            from,
            to,
            (first, summaries, numbers) ->
                described.add(new DescribedFeatures(first, summaries, numbers)));
    return described;
  }

  /**
   * Writes all files that need no model.
   *
   * @param similar what {@link #similar} has found, of all parts
   * @param described what {@link #describe} has found, of all groups in their order
   * @param progress receives how many features are done
   * @return the manifest
   * @throws IOException if a file cannot be written
   */
  public FeatureManifest writeTo(
      FeatureFolderWriter folder,
      List<SimilarRows> similar,
      Iterator<DescribedFeatures> described,
      LongConsumer progress)
      throws IOException {
    folder.tokens(text.tokens());
    folder.documents(text.documents());
    long selected = feed.rows();
    FeatureManifest manifest = whole.manifest(selected);
    SimilarFeatures all = new SimilarFeatures(features);
    similar.forEach(all::put);
    long windowRow = feed.row(selected - Math.min(spec.deadWindow(), selected));
    try (TableWriter table =
            folder.openFeatures(manifest.dictionary(), manifest.histogram().bins());
        ContextWriter contexts = folder.openContexts(features);
        FeatureOutput output = new FeatureOutput(table, contexts, all, selected, windowRow)) {
      while (described.hasNext()) {
        DescribedFeatures some = described.next();
        output.put(some.first(), some.summaries(), some.numbers());
        progress.accept((long) some.first() + some.summaries().length);
      }
      output.finish();
      folder.finishFeatures(table);
      folder.finishContexts(contexts);
    }
    return manifest;
  }

  private void closeTokens() {
    if (tokens != null) {
      tokens.close();
      tokens = null;
    }
  }

  private void closeSearch() {
    if (search != null) {
      search.close();
      search = null;
    }
  }

  /** Frees what engines hold. */
  @Override
  public synchronized void close() {
    closeTokens();
    closeSearch();
  }
}
