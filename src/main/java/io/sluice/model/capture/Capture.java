package io.sluice.model.capture;

import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.ModelShape;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.Context;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.text.TextForm;
import io.sluice.text.TextProblems;
import io.sluice.text.TextSpec;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Runs texts through a model and stores the activations at its hook points.
 *
 * <pre>{@code
 * try (LoadedModel model = LoadedModel.open(path, Device.CPU)) {
 *   List<HookPoint> hooks = HookPatterns.select("layers.*.attn_out", model.transformer());
 *   Capture.plan(model, CaptureSpec.of(List.of(text), hooks)).run(store, done -> {});
 * }
 * }</pre>
 *
 * <p>Planning reads and tokenises the texts once, which costs little beside running them, so that
 * everything that can be wrong with them is found before anything is written, and the time left is
 * known. Memory is bounded by one batch and one shard of the store.
 */
public final class Capture {
  /** About how many bytes a file has beside its rows, or a manifest. */
  private static final long FRAME_BYTES = 8 << 10;

  /** About how many bytes the text of a token takes, with its id. */
  private static final long TOKEN_BYTES = 16;

  /** Bytes that a document takes beside its name. */
  private static final long DOCUMENT_BYTES = 12;

  private final LoadedModel model;
  private final CaptureSpec spec;
  private final long tokens;
  private final long rows;
  private final long textBytes;
  private final TextProblems problems;
  private final PartCutter cutter; // Null if it was not planned in parts.

  private Capture(
      LoadedModel model,
      CaptureSpec spec,
      long tokens,
      long rows,
      long textBytes,
      TextProblems problems,
      PartCutter cutter) {
    this.model = model;
    this.spec = spec;
    this.tokens = tokens;
    this.rows = rows;
    this.textBytes = textBytes;
    this.problems = problems;
    this.cutter = cutter;
  }

  /**
   * Checks model, hooks and texts against each other, and counts.
   *
   * @throws IOException if a text is missing or cannot be read, none holds a word, something is
   *     wrong with one and they are read strictly, or the tokenizer does not fit the model
   * @throws IllegalArgumentException if a hook point does not exist, or the context is longer than
   *     the model takes or leaves no room for text
   */
  public static Capture plan(LoadedModel model, CaptureSpec spec) throws IOException {
    return plan(model, spec, null, (context, position, rows) -> {});
  }

  /**
   * The same, to be run in parts. It keeps the place of each batch and the name of each document.
   *
   * @throws IOException as {@link #plan}
   */
  public static Capture planParts(LoadedModel model, CaptureSpec spec) throws IOException {
    return planParts(model, spec, (context, position, rows) -> {});
  }

  /** Receives contexts in order while a capture is planned. */
  public interface ContextVisitor {
    /**
     * Takes one.
     *
     * @param position position in the context of its first token that has a row
     * @param rows how many rows it has
     */
    void add(Context context, int position, int rows) throws IOException;
  }

  /** The same, and gives each context to {@code visitor}. */
  static Capture planParts(LoadedModel model, CaptureSpec spec, ContextVisitor visitor)
      throws IOException {
    return plan(model, spec, true, visitor);
  }

  /**
   * The same for parts of which no store is made: names of documents are not kept.
   *
   * @throws IOException as {@link #plan}
   */
  public static Capture planRows(LoadedModel model, CaptureSpec spec, ContextVisitor visitor)
      throws IOException {
    return plan(model, spec, false, visitor);
  }

  private static Capture plan(
      LoadedModel model, CaptureSpec spec, Boolean named, ContextVisitor visitor)
      throws IOException {
    ModelShape shape = model.transformer().shape();
    List<HookPoint> available = model.transformer().hookPoints();
    for (HookPoint hook : spec.hooks()) {
      if (!available.contains(hook)) {
        HookPatterns.select(hook.toString(), model.transformer());
      }
    }
    long tokens = 0;
    long rows = 0;
    long textBytes = (long) shape.vocabulary() * TOKEN_BYTES;
    int document = -1;
    StoredRows stored = StoredRows.of(model, spec);
    PartCutter cutter = null;
    TextProblems problems;
    try (ContextReader reader = ContextReader.open(model, spec.contexts())) {
      if (named != null) {
        cutter = new PartCutter(spec.contexts(), reader.files(), named);
      }
      for (Context context = reader.next(); context != null; context = reader.next()) {
        tokens += context.fresh();
        rows += stored.count(context);
        visitor.add(context, stored.first(context), stored.count(context));
        if (cutter != null) {
          cutter.add(context, reader.place(), stored.count(context));
        }
        if (context.document() != document) {
          document = context.document();
          textBytes += context.name().length() + DOCUMENT_BYTES;
        }
      }
      problems = reader.problems();
    }
    return new Capture(model, spec, tokens, rows, textBytes, problems, cutter);
  }

  /** The problems in the texts read so far. */
  public TextProblems problems() {
    return problems;
  }

  /** Tokens of text that will run: the limit, or as many as there are. */
  public long tokens() {
    return tokens;
  }

  /** Rows that the store will have: {@link #tokens}, and special tokens if they are stored. */
  public long rows() {
    return rows;
  }

  /** Bytes that the activations will take. */
  public long bytes() {
    return columns().stream().mapToLong(Column::bytesPerRow).sum() * rows;
  }

  /**
   * Bytes that the store will take on the disk: activations, token columns, texts of tokens, names
   * of documents, frames of the files.
   */
  public long storeBytes() {
    long shards = Math.ceilDiv(rows, storeSpec().rowsPerShard());
    return bytes() + textBytes + 3L * Integer.BYTES * rows + FRAME_BYTES * (3 + shards);
  }

  /** The store that {@link #run(Path, LongConsumer)} makes; may be refined before it is used. */
  public StoreSpec storeSpec() {
    ModelShape shape = model.transformer().shape();
    TextSpec texts = spec.contexts().texts();
    String text = texts.name();
    StoreSpec store =
        StoreSpec.of(model.name(), text, columns())
            .with("architecture", shape.architecture())
            .with("layers", Integer.toString(shape.layers()))
            .with("dModel", Integer.toString(shape.dModel()))
            .with("heads", Integer.toString(shape.heads()))
            .with("causal", Boolean.toString(model.transformer() instanceof LanguageModel))
            .with(Manifest.FIRST_POSITION, Integer.toString(model.firstPosition()))
            .with("context", Integer.toString(spec.contexts().context()))
            .with("stride", Integer.toString(spec.contexts().stride()))
            .with("computed", model.transformer().dtype().label())
            .with("specialTokens", Boolean.toString(spec.specialTokens()))
            .with("contextsPerBatch", Integer.toString(spec.contexts().batch()))
            .with(Manifest.PLANNED_ROWS, Long.toString(rows));
    for (Map.Entry<String, String> rule : spec.exclusion().properties().entrySet()) {
      store = store.with(rule.getKey(), rule.getValue());
    }
    if (texts.chatDate().isPresent()) {
      store = store.with("chatDate", texts.chatDate().get().toString());
    }
    // Whether ids of tokens begin with a special token is a matter of who made them.
    return texts.form() == TextForm.TEXT
        ? store.with(
            Manifest.PREPEND_BOS,
            Boolean.toString(spec.contexts().specialTokens(model).prefix().length > 0))
        : store.with("textAs", texts.form().label());
  }

  /**
   * Runs the texts and writes a store.
   *
   * @param folder a new or empty folder
   * @param progress receives how many tokens of text are done, after each batch
   * @return what the finished store says about itself
   * @throws IOException if the folder is not empty, the disk does not take the store, or an
   *     activation is NaN or infinite
   */
  public Manifest run(Path folder, LongConsumer progress) throws IOException {
    return run(folder, storeSpec(), progress);
  }

  /**
   * Runs the texts and writes a store as {@code store} specifies, with the columns of {@link
   * #storeSpec}.
   *
   * @throws IOException as {@link #run(Path, LongConsumer)}
   */
  public Manifest run(Path folder, StoreSpec store, LongConsumer progress) throws IOException {
    try (StoreWriter writer = begin(folder, store);
        ContextBatches batches = ContextBatches.open(model, spec.contexts());
        CaptureSink sink = new CaptureSink(writer, columns(), StoredRows.of(model, spec))) {
      Hooks hooks = Hooks.none().observe(spec.hooks(), sink::take);
      for (List<Context> batch = batches.nextContexts();
          !batch.isEmpty();
          batch = batches.nextContexts()) {
        try (TensorScope scope = TensorScope.open()) {
          TokenBatch tokenBatch = sink.begin(batch);
          model.transformer().observe(tokenBatch, hooks);
          sink.end();
        }
        progress.accept(batches.tokens());
      }
      return writer.finish();
    }
  }

  private StoreWriter begin(Path folder, StoreSpec store) throws IOException {
    StoreWriter writer = StoreWriter.create(folder, store);
    try {
      writeTokens(writer);
      return writer;
    } catch (IOException | RuntimeException | Error e) {
      writer.close();
      throw e;
    }
  }

  private void writeTokens(StoreWriter writer) throws IOException {
    if (model.tokenizer().isThere()) {
      writer.tokens(
          TokenTable.of(model.tokenizer().texts(model.transformer().shape().vocabulary())));
    }
  }

  /** Writes the texts of tokens, and names the documents. */
  void writeTables(StoreWriter writer) throws IOException {
    writeTokens(writer);
    nameDocuments(writer);
  }

  private void nameDocuments(StoreWriter writer) throws IOException {
    for (PartCutter.Document document : cutter.documents()) {
      writer.document(document.name(), document.firstRow());
    }
  }

  /** Where batches begin; it was planned in parts. */
  PartCutter cutter() {
    return cutter;
  }

  /** Runs parts, in this process or others. */
  public interface PartRunner {
    /**
     * Runs all of them into one folder.
     *
     * @return the shards, in any order
     */
    List<Manifest.Shard> run(List<CapturePart> parts) throws IOException;

    /**
     * Where the shards are when they have run: their lengths, if that is not the folder.
     *
     * @throws IOException if that place cannot be read
     */
    default Optional<StoreWriter.Lengths> elsewhere() throws IOException {
      return Optional.empty();
    }
  }

  /**
   * Writes the store of {@link #run(Path, StoreSpec, LongConsumer)} in parts. The store is complete
   * when all parts are there, and has no rows before.
   *
   * @param leastRows the least rows of a part but the last; parts have whole shards
   * @param runner runs the parts; {@link CapturePart#run} does what is needed
   * @return what the finished store says about itself
   * @throws IOException as {@link #run(Path, LongConsumer)}
   * @throws IllegalStateException if it was not planned in parts
   */
  public Manifest runParts(Path folder, StoreSpec store, long leastRows, PartRunner runner)
      throws IOException {
    List<CapturePart> parts = parts(store, leastRows);
    try (StoreWriter writer = begin(folder, store)) {
      nameDocuments(writer);
      List<Manifest.Shard> shards = runner.run(parts);
      Optional<StoreWriter.Lengths> elsewhere = runner.elsewhere();
      return elsewhere.isPresent() ? writer.finish(shards, elsewhere.get()) : writer.finish(shards);
    }
  }

  /**
   * The parts, which depend on the texts and on {@code store} alone.
   *
   * @param leastRows the least rows of a part but the last
   * @throws IllegalStateException if it was not planned in parts
   */
  public List<CapturePart> parts(StoreSpec store, long leastRows) {
    requireParts();
    return cutter.parts(store.rowsPerShard(), leastRows);
  }

  /**
   * One part.
   *
   * @param from its first row, the beginning of a shard
   * @param to its end, exclusive; the end of a shard or of all rows
   * @throws IllegalStateException if it was not planned in parts
   */
  public CapturePart part(long from, long to, int rowsPerShard) {
    requireParts();
    return cutter.part(from, to, rowsPerShard);
  }

  /**
   * Parts that begin and end with batches, for work that stores nothing ({@link
   * CapturePart#batches}). They depend on the texts alone.
   *
   * @param leastTokens the least tokens of a part but the last
   * @throws IllegalStateException if it was not planned in parts
   */
  public List<CapturePart> parts(long leastTokens) {
    requireParts();
    return cutter.parts(leastTokens);
  }

  private void requireParts() {
    if (cutter == null) {
      throw new IllegalStateException("this capture was not planned in parts");
    }
  }

  private List<Column> columns() {
    return columns(model, spec);
  }

  /** The columns of a store of these hook points. */
  public static List<Column> columns(LoadedModel model, CaptureSpec spec) {
    return spec.hooks().stream()
        .map(hook -> new Column(hook.toString(), model.transformer().width(hook), spec.dtype()))
        .toList();
  }
}
