package io.sluice.store;

import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import io.sluice.store.files.PlainFolder;
import io.sluice.store.files.ShardChecksum;
import io.sluice.store.files.ShardLayout;
import io.sluice.store.files.StoreReplacement;
import io.sluice.store.names.NamedColumns;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntPredicate;

/**
 * An activation store, open for reading: the activations of a model's hook points over a text, one
 * row per token, in Arrow IPC files. The files are mapped into memory, or copied row by row if the
 * caller asks for it or there are too many files to map. A folder of Arrow files that another
 * program wrote is a store, too; it needs no manifest ({@link PlainFolder}).
 *
 * <p>Nothing is copied on opening, and every offset in the files is checked before it is used. The
 * files must not change while the store is in use; a truncated file is detected before each batch.
 * All methods are safe for use by several threads; a {@link Batches} is for one thread at a time.
 *
 * <p>Mappings belong to the memory segments over them and end when the last segment is garbage, so
 * no segment, batch or tensor of a store ever refers to unmapped memory.
 */
public final class ActivationStore {
  private static final String REMEDY = "restore it or capture again";

  private final Path folder;
  private final String place;
  private final Manifest manifest;
  private final List<Shard> shards;
  private final ShardIndex index;
  private final NamedColumns columns;
  private final TokenTable tokens; // Null in stores without texts.
  private final DocumentTable documents;
  private final ExcludedRows excluded;
  private final Map<HeldOutKey, HeldOut> heldOut = new ConcurrentHashMap<>();

  private ActivationStore(
      Path folder,
      String place,
      Manifest manifest,
      List<Column> columns,
      List<Shard> shards,
      boolean withTexts,
      Map<String, Double> normLimits)
      throws IOException {
    this.folder = folder;
    this.place = place;
    this.manifest = manifest;
    this.shards = Collections.unmodifiableList(shards);
    this.index = new ShardIndex(shards);
    this.columns =
        new NamedColumns(
            columns, i -> shards.isEmpty() || shards.getFirst().has(i), manifest.model());
    this.excluded =
        new ExcludedRows(
            this, TokenExclusion.of(manifest.properties(), ManifestFile.of(folder)), normLimits);
    Path texts = withTexts ? table(Manifest.TOKENS, TokenTable.FILE_NAME) : null;
    this.tokens = texts == null ? null : TokenTable.read(texts, REMEDY);
    Path names = withTexts ? table(Manifest.DOCUMENTS, DocumentTable.FILE_NAME) : null;
    this.documents = names == null ? null : DocumentTable.read(names, REMEDY);
  }

  /**
   * Opens the store in {@code folder} with all finished shards, mapped if possible. The data itself
   * is not read; see {@link #verify}.
   *
   * @throws IOException if there is no store, it is of another version, or a file is missing,
   *     truncated, damaged or does not match the manifest; the message names the file
   */
  public static ActivationStore open(Path folder) throws IOException {
    return open(folder, Reading.MAPPED);
  }

  /**
   * Opens the store in {@code folder}.
   *
   * @param reading how its files come into memory
   * @throws IOException as {@link #open(Path)}
   */
  public static ActivationStore open(Path folder, Reading reading) throws IOException {
    return open(folder, manifest(folder), reading);
  }

  /**
   * Opens some shards in a folder.
   *
   * @param manifest lists them; they need not have the names that they would have in a store
   * @param reading how their files come into memory
   * @throws IOException as {@link #open(Path)}
   */
  public static ActivationStore open(Path folder, Manifest manifest, Reading reading)
      throws IOException {
    return open(folder, manifest, reading, Map.of());
  }

  /**
   * Opens some shards in a folder, whose tokens are left out as those of another store.
   *
   * @param normLimits what {@link #normLimits} of that store says, in place of multiples of the
   *     median norms of these shards
   * @throws IOException as {@link #open(Path)}
   */
  public static ActivationStore open(
      Path folder, Manifest manifest, Reading reading, Map<String, Double> normLimits)
      throws IOException {
    return open(folder, folder.toString(), manifest, reading, file -> true, true, normLimits);
  }

  /**
   * Opens copies of a store's files in {@code folder}, of which only some may be there: the
   * manifest, some shards and perhaps the texts. Rows, columns and the numbers of shards are those
   * of the whole. The data of another shard cannot be asked for ({@link Shard#isHere}).
   *
   * @param place where the store is of which these are copies, for messages and records
   * @param shards the numbers of the shards to open
   * @param withTexts whether the texts of tokens and the names of documents are opened, too;
   *     without them the store has none
   * @throws IOException as {@link #open(Path)}, or if another program wrote the store, whose files
   *     may have several shards
   * @throws IndexOutOfBoundsException if there is no such shard
   */
  public static ActivationStore openPart(
      Path folder, String place, Reading reading, Set<Integer> shards, boolean withTexts)
      throws IOException {
    Manifest manifest = ManifestFile.read(folder);
    int count = manifest.shards().size();
    if (!manifest.isSluices()) {
      throw new IOException(
          folder
              + ": was not written by 'sluice capture', so it cannot be read in parts; read it as a"
              + " whole, from a folder");
    }
    shards.forEach(shard -> Objects.checkIndex(shard, count));
    ActivationStore store =
        open(folder, place, manifest, reading, shards::contains, withTexts, Map.of());
    if (store.shards.size() != count) {
      throw new IOException(
          folder + ": damaged: a shard has several record batches; capture the store again");
    }
    return store;
  }

  private static ActivationStore open(
      Path folder,
      String place,
      Manifest manifest,
      Reading reading,
      IntPredicate wanted,
      boolean withTexts,
      Map<String, Double> normLimits)
      throws IOException {
    List<Column> columns = ShardLayout.allColumns(manifest.columns());
    List<Shard> shards = ShardFiles.open(folder, manifest, columns, reading, wanted);
    return new ActivationStore(folder, place, manifest, columns, shards, withTexts, normLimits);
  }

  private static Manifest manifest(Path folder) throws IOException {
    StoreReplacement.repair(folder);
    boolean listed = Files.exists(ManifestFile.of(folder));
    return listed || !PlainFolder.hasShards(folder)
        ? ManifestFile.read(folder)
        : PlainFolder.manifest(folder);
  }

  /** The folder that holds the store's files, or copies of them. */
  public Path folder() {
    return folder;
  }

  /**
   * Where the store is, for messages and records: its folder, or the address of the store whose
   * copies the folder has.
   */
  public String place() {
    return place;
  }

  /** The contents of the store's manifest. */
  public Manifest manifest() {
    return manifest;
  }

  /** Rows in the store: tokens captured. */
  public long rows() {
    return manifest.rows();
  }

  /**
   * The first position of a context whose activations are on the common scale, as the store records
   * it. Statistics, training and evaluation begin there unless told otherwise. It is 1 for causal
   * models, whose first token is an attention sink, be it text or a stored beginning-of-text token;
   * 0 for encoders and for stores that do not record it.
   */
  public int firstPosition() {
    return manifest.firstPosition();
  }

  /**
   * The tokens that the manifest leaves out, however the store is read: {@link #kept} and batches
   * do without them.
   */
  public TokenExclusion exclusion() {
    return excluded.rule();
  }

  /**
   * The largest norm of a token that is not left out, by hook point; empty if the manifest leaves
   * out none by its norm.
   *
   * @throws IOException if a file was cut short since it was opened, or cannot be read
   */
  public Map<String, Double> normLimits() throws IOException {
    try {
      return excluded.limits();
    } catch (InternalError e) {
      throw unreadable(e);
    }
  }

  /**
   * Which rows of a shard are used.
   *
   * @param filter selects rows, of which those that the manifest leaves out are not used
   * @param columns the hook points that are read, by which rows may be left out; a row is left out
   *     if it is at one of them
   * @throws IOException if a file was cut short since it was opened, or cannot be read
   */
  public BitSet kept(Shard shard, RowFilter filter, List<String> columns) throws IOException {
    BitSet kept = shard.kept(filter);
    try {
      excluded.remove(shard, columns, kept);
    } catch (InternalError e) {
      throw shard.unreadable(e);
    }
    return kept;
  }

  /**
   * A filter of the rows that are used when some hook points are read: the same rows for all of
   * them, and for whatever reads others beside them.
   *
   * @param filter selects rows
   * @param columns the hook points
   * @throws java.io.UncheckedIOException if a file was cut short since it was opened, or cannot be
   *     read
   */
  public RowFilter used(RowFilter filter, List<String> columns) {
    if (!exclusion().limitsNorms()) {
      return filter;
    }
    BitSet[] used = new BitSet[shards.size()];
    try {
      for (int i = 0; i < used.length; i++) {
        used[i] = kept(shards.get(i), filter, columns);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return RowFilter.rows(
        row -> {
          int shard = index.of(row);
          return used[shard].get((int) (row - index.firstRow(shard)));
        });
  }

  /** The hook points, in the order of the files. */
  public List<Column> columns() {
    return manifest.columns();
  }

  /**
   * The column of that name: a hook point or a token column. A hook point is found by its other
   * names, too, in TransformerLens and as the path of a module.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public Column column(String name) {
    return column(indexOf(name));
  }

  /**
   * The hook point of that name, or of another of its names as {@link #column(String)} finds it;
   * empty if the store does not have it.
   */
  public Optional<Column> hookPoint(String name) {
    return columns.hookPoint(name);
  }

  /**
   * The name under which a dictionary remembers a hook point that someone gave: Sluice's own for
   * one of TransformerLens or the path of a module. A column's name is taken as it is in a store
   * that does not name its model, since what TransformerLens's names mean depends on that, and
   * where it has no other name.
   *
   * @throws IllegalArgumentException if it is a name of TransformerLens without a counterpart, and
   *     the store has no such column; the message says why
   */
  public String hookName(String given) {
    return columns.hookName(given);
  }

  /** The record batches of the files, in order of their rows. */
  public List<Shard> shards() {
    return shards;
  }

  /**
   * The shard that has a row.
   *
   * @throws IndexOutOfBoundsException if the store has no such row
   */
  public Shard shardAt(long row) {
    return shards.get(shardNumber(row));
  }

  /**
   * The number of the shard that has a row.
   *
   * @throws IndexOutOfBoundsException if the store has no such row
   */
  public int shardNumber(long row) {
    return index.of(Objects.checkIndex(row, rows()));
  }

  ShardIndex index() {
    return index;
  }

  /**
   * Whether the store has a column of that name. Files of other writers may lack token columns;
   * their numbers are then {@link Shard#UNKNOWN}.
   */
  public boolean has(String column) {
    return columns.has(column);
  }

  /** What to do if no row is left, as the end of a sentence. */
  public String remedyForNoRows() {
    if (rows() == 0) {
      return "capture again, or write files with rows";
    }
    if (!exclusion().isEmpty()) {
      return "its manifest leaves tokens out ("
          + String.join(", ", exclusion().properties().keySet())
          + "): capture other texts, or begin at an earlier position";
    }
    return has(Column.POSITION)
        ? "begin at an earlier position, or capture a longer text"
        : "its files have no column 'position', so begin at position 0";
  }

  /**
   * Refuses a store without one of the token columns.
   *
   * @throws IOException if it has no such column
   */
  public void require(String column) throws IOException {
    if (!has(column)) {
      throw new IOException(
          "%s: its files have no column '%s', which is needed here; write one of int32"
              .formatted(place, column));
    }
  }

  /**
   * The texts of tokens; empty if the store has none, as one captured before they were stored or
   * written by another program.
   */
  public Optional<TokenTable> tokens() {
    return Optional.ofNullable(tokens);
  }

  /** The documents, by their numbers; empty if the store does not name them. */
  public Optional<DocumentTable> documents() {
    return Optional.ofNullable(documents);
  }

  /** How the files are read: mapped if all of them could be mapped. */
  public Reading reading() {
    return shards.stream().allMatch(Shard::isMapped) ? Reading.MAPPED : Reading.COPIED;
  }

  /**
   * Closes files that are open because they are read by copying: a file that is deleted takes room
   * on the disk until it is closed. A later read opens files again.
   *
   * @throws IOException if one cannot be closed
   */
  public void closeFiles() throws IOException {
    for (Shard shard : shards) {
      shard.closeFiles();
    }
  }

  /**
   * Reads every file once and compares it with the checksum that was written with it; in a file
   * without one, it looks for NaN and infinity.
   *
   * @throws IOException if a byte differs, or a value of a file without a checksum is not finite;
   *     the message names the file
   */
  public void verify() throws IOException {
    ShardChecksum.verify(folder, manifest);
    for (Shard shard : shards) {
      requireFinite(shard);
    }
  }

  /**
   * Reads one shard as {@link #verify()} does. A checksum is of a whole file, so the first of the
   * shards in a file compares it, and the others do not read the file again.
   *
   * @param shard its number
   * @throws IOException as {@link #verify()}
   * @throws IndexOutOfBoundsException if there is no such shard
   */
  public void verify(int shard) throws IOException {
    Shard one = shards.get(shard);
    if (shard == 0 || shards.get(shard - 1).file() != one.file()) {
      ShardChecksum.verify(folder, manifest.shards().get(one.file()));
    }
    requireFinite(one);
  }

  private void requireFinite(Shard shard) throws IOException {
    if (manifest.shards().get(shard.file()).crc32c() != null) {
      return;
    }
    for (int i = 0; i < columns.size(); i++) {
      if (!column(i).isTokenColumn()) {
        shard.requireFinite(i);
      }
    }
  }

  /**
   * Reads the files of texts and compares them with their checksums.
   *
   * @throws IOException if a byte differs; the message names the file
   */
  public void verifyTexts() throws IOException {
    ShardChecksum.verifyTexts(folder, manifest);
  }

  /**
   * Reads the files that begin in some rows and compares them with their checksums.
   *
   * @param from the first row
   * @param to the end, exclusive
   * @throws IOException if a byte differs; the message names the file
   */
  public void verify(long from, long to) throws IOException {
    for (int shard = 0; shard < shards.size(); shard++) {
      long first = shards.get(shard).firstRow();
      if (first >= from && first < to) {
        verify(shard);
      }
    }
  }

  /**
   * Shuffled batches over all rows, each row once per epoch, without end.
   *
   * @param columns hook points or token columns to gather, all from the same rows
   * @param size rows per batch, at least 1
   * @param seed determines the order
   * @throws IllegalArgumentException if a column does not exist, {@code size < 1}, or the store is
   *     empty
   */
  public Batches batches(List<String> columns, int size, long seed) {
    return batches(BatchPlan.shuffled(columns, size, seed));
  }

  /**
   * Batches according to {@code plan}.
   *
   * @throws IllegalArgumentException if a column does not exist, or no row passes the filter and
   *     the plan is shuffled
   * @throws java.io.UncheckedIOException if the filter reads a file that was truncated after it was
   *     opened
   */
  public Batches batches(BatchPlan plan) {
    return new Batches(this, plan);
  }

  /**
   * The error to report if reading mapped memory of this store failed; see {@link
   * Shard#unreadable}.
   */
  IOException unreadable(InternalError e) {
    if (!Shard.isFault(e)) {
      throw e;
    }
    for (Shard shard : shards) {
      try {
        shard.requireWhole();
      } catch (IOException cutShort) {
        return cutShort;
      }
    }
    return new IOException(
        place
            + ": the system could not read a file of this store where it is mapped; look at the"
            + " disk, or read the store by copying",
        e);
  }

  /**
   * The contexts that a run on this store holds out, by the rule of {@link HeldOut}. They depend
   * only on the arguments and the store, and are computed once.
   *
   * @param share of the tokens that are used; 0 for none
   * @param seed determines the choice
   * @param firstPosition the first position of a context that is used
   * @throws IllegalArgumentException if the share is negative or above {@value
   *     HeldOut#LARGEST_SHARE}
   * @throws IOException if a file cannot be read
   */
  public HeldOut heldOut(double share, long seed, int firstPosition) throws IOException {
    if (!(share >= 0 && share <= HeldOut.LARGEST_SHARE)) {
      throw new IllegalArgumentException(
          "the share to hold out must be from 0 to %s, not %s"
              .formatted(HeldOut.LARGEST_SHARE, share));
    }
    HeldOutKey key = new HeldOutKey(share, seed, firstPosition);
    HeldOut known = heldOut.get(key);
    if (known == null) {
      known = HeldOut.choose(this, share, seed, firstPosition);
      heldOut.put(key, known);
    }
    return known;
  }

  /** A file of texts, under its name or the one in sight; null if the manifest lists neither. */
  private Path table(String name, String visible) throws IOException {
    String listed = manifest.tables().containsKey(name) ? name : visible;
    TableFile entry = manifest.tables().get(listed);
    if (entry == null) {
      return null;
    }
    Path path = folder.resolve(listed);
    long size = Files.exists(path) ? Files.size(path) : -1;
    if (size != entry.bytes()) {
      throw new IOException(
          path
              + (size < 0
                  ? ": missing, though the manifest lists it; "
                  : ": is " + size + " bytes long, the manifest says " + entry.bytes() + ": ")
              + REMEDY);
    }
    return path;
  }

  private record HeldOutKey(double share, long seed, int firstPosition) {}

  /** The column at {@code index} among all columns, token columns first. */
  Column column(int index) {
    return columns.get(index);
  }

  int indexOf(String name) {
    return columns.indexOf(name);
  }
}
